"""The published networks that metrics are defined with, as modules with the keys of their weights. Knows no files.

VGGish (arXiv 1609.09430), PANNs' Cnn14 (arXiv 1912.10211) and the sound half of CAVP (arXiv 2306.17203).
"""

import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CavpSound", "Cnn14", "Vggish"]


class Vggish(nn.Module):
    """Examples `(N, 1, 96, 64)` to embeddings `(N, 128)`, before the last rectifier (AudioLDM's evaluator's choice)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for out in (width, 0, 2 * width, 0, 4 * width, 4 * width, 0, 8 * width, 8 * width, 0):
            if not out:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]
            channels = out
        hidden = 64 * width
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(8 * width * 6 * 4, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 128),
        )

    def forward(self, examples: Tensor) -> Tensor:
        """See the class."""
        # The weights come from a channels-last framework: rows, columns, channels is the order of its vector.
        flat = self.features(examples).permute(0, 2, 3, 1).flatten(1)
        out: Tensor = self.embeddings(flat)
        return out


class _ConvBlock(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.bn2 = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor, pool: tuple[int, int]) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return F.avg_pool2d(x, pool)


class _Cnn14Body(nn.Module):
    """Six blocks of convolutions, each halving both sides by `pools`; then the mean over frequency."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [1, *(width * 2**i for i in range(6))]
        for i in range(6):
            setattr(self, f"conv_block{i + 1}", _ConvBlock(sizes[i], sizes[i + 1]))

    def body(self, x: Tensor, norm: nn.BatchNorm2d, pools: tuple[tuple[int, int], ...]) -> Tensor:
        """`(B, 1, frames, mels)` to `(B, channels, frames')`."""
        x = norm(x.transpose(1, 3)).transpose(1, 3)
        for i, pool in enumerate(pools):
            x = getattr(self, f"conv_block{i + 1}")(x, pool)
        return x.mean(3)


class Cnn14(_Cnn14Body):
    """Log-mel `(B, 1, frames, 64)` to embeddings `(B, 2048)` and logits of AudioSet's 527 classes."""

    def __init__(self, width: int = 64, classes: int = 527) -> None:
        super().__init__(width)
        top = 32 * width
        self.bn0 = nn.BatchNorm2d(64)
        self.fc1 = nn.Linear(top, top)
        self.fc_audioset = nn.Linear(top, classes)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (after fc1 and its rectifier) and logits (before the sigmoid)."""
        x = self.body(mel, self.bn0, ((2, 2),) * 5 + ((1, 1),))
        embedding = F.relu(self.fc1(x.amax(2) + x.mean(2)))
        return embedding, self.fc_audioset(embedding)


class CavpSound(_Cnn14Body):
    """Mel `(B, 1, frames, 128)` to features `(B, frames / 16, 512)`: about four a second, as many as picture frames."""

    def __init__(self, width: int = 64, dim: int = 512) -> None:
        super().__init__(width)
        top = 32 * width
        self.bn = nn.BatchNorm2d(128)
        self.fc1 = nn.Linear(top, top)
        self.final_project = nn.Linear(top, dim)

    def forward(self, mel: Tensor) -> Tensor:
        """See the class."""
        x = self.body(mel, self.bn, ((2, 2),) * 4 + ((1, 2), (1, 1)))
        x = F.max_pool1d(x, 3, 1, 1) + F.avg_pool1d(x, 3, 1, 1)
        x = F.relu(self.fc1(x.transpose(1, 2)))
        # The published network applies this layer twice.
        features: Tensor = self.final_project(F.relu(self.fc1(x)))
        return features
