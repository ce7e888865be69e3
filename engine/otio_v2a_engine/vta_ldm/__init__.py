"""VTA-LDM (arXiv 2407.07464): the published latent diffusion from picture to sound, as parts that train and render."""
