"""Owns the panel's looks: colours, spacing, style sheet. Dark and quiet, one accent; knows no widget of ours.

Sizes are in units of 4 px that Qt scales with the screen; fonts are the system's, larger or smaller by factors.
"""

from typing import Final

from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from otio_v2a_engine.contract import Role
from otio_v2a_ui.state import Status

__all__ = [
    "ACCENT",
    "DIM",
    "FAINT",
    "GAP",
    "LINE",
    "PANEL",
    "RAISED",
    "ROLE_COLOURS",
    "SELECTED",
    "STATUS_COLOURS",
    "TEXT",
    "UNIT",
    "WELL",
    "WINDOW",
    "apply",
    "apply_to_application",
    "fixed_font",
    "scaled_font",
]

UNIT: Final = 4
GAP: Final = 8

WELL: Final = "#141517"
"""Where pictures, waveforms and texts lie."""
WINDOW: Final = "#1b1c1f"
PANEL: Final = "#222427"
RAISED: Final = "#2d3034"
"""Buttons and other things that take a click."""
HOVER: Final = "#373b40"
LINE: Final = "#0f1012"
EDGE: Final = "#3b3f45"
TEXT: Final = "#d9dbde"
DIM: Final = "#a3a8af"
FAINT: Final = "#7d838b"
ACCENT: Final = "#e0913f"
ON_ACCENT: Final = "#17120b"
SELECTED: Final = "#3a3225"
"""Behind what is selected: the accent, far away."""
BAD: Final = "#e0645c"
GOOD: Final = "#7fb77e"
WARN: Final = "#d9b44a"

ROLE_COLOURS: Final = {Role.FX: "#d39b5c", Role.AMB: "#6fa8a0", Role.MUS: "#9d8cc9", Role.DX: "#7ea6d8"}
"""Muted, told apart by lightness too."""

STATUS_COLOURS: Final = {
    Status.NEW: FAINT,
    Status.MISSING: BAD,
    Status.QUEUED: DIM,
    Status.RUNNING: ACCENT,
    Status.DONE: GOOD,
    Status.FAILED: BAD,
    Status.CHANGED: WARN,
}


def fixed_font(factor: float = 1.0) -> QFont:
    """Digits of one width, for timecode."""
    return scaled_font(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont), factor)


def scaled_font(font: QFont, factor: float) -> QFont:
    """The same font, larger or smaller."""
    result = QFont(font)
    if font.pointSizeF() > 0:
        result.setPointSizeF(font.pointSizeF() * factor)
    return result


def palette() -> QPalette:
    """The colours in Qt's words."""
    made = QPalette()
    group = QPalette.ColorRole
    for role, colour in {
        group.Window: WINDOW,
        group.WindowText: TEXT,
        group.Base: WELL,
        group.AlternateBase: PANEL,
        group.Text: TEXT,
        group.Button: RAISED,
        group.ButtonText: TEXT,
        group.BrightText: "#ffffff",
        group.ToolTipBase: RAISED,
        group.ToolTipText: TEXT,
        group.PlaceholderText: FAINT,
        group.Highlight: ACCENT,
        group.HighlightedText: ON_ACCENT,
        group.Link: ACCENT,
        group.Light: HOVER,
        group.Midlight: RAISED,
        group.Mid: LINE,
        group.Dark: LINE,
        group.Shadow: LINE,
    }.items():
        made.setColor(role, QColor(colour))
    for role in (group.Text, group.WindowText, group.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(FAINT))
    return made


def apply_to_application(app: QApplication) -> None:
    """Give our own application its looks; never done to a host's."""
    app.setStyle("Fusion")
    app.setPalette(palette())


def apply(widget: QWidget) -> None:
    """Give a top-level widget, and all in it, its looks."""
    widget.setPalette(palette())
    widget.setStyleSheet(_SHEET)


_SHEET = f"""
QWidget {{ color: {TEXT}; selection-background-color: {ACCENT}; selection-color: {ON_ACCENT}; }}
QMainWindow, QDialog, #panel {{ background: {WINDOW}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {EDGE}; padding: 4px; }}
QMenuBar {{ background: {WINDOW}; padding: 2px 4px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 3px; background: transparent; }}
QMenuBar::item:selected {{ background: {RAISED}; }}
QMenu {{ background: {PANEL}; border: 1px solid {EDGE}; padding: 4px; }}
QMenu::item {{ padding: 5px 28px 5px 24px; border-radius: 3px; }}
QMenu::item:selected {{ background: {ACCENT}; color: {ON_ACCENT}; }}
QMenu::item:disabled {{ color: {FAINT}; }}
QMenu::separator {{ height: 1px; background: {EDGE}; margin: 4px 8px; }}
QToolBar {{ background: {WINDOW}; border: none; border-bottom: 1px solid {LINE}; spacing: 4px; padding: 4px 8px; }}
QStatusBar {{ background: {WINDOW}; border-top: 1px solid {LINE}; color: {DIM}; }}
QStatusBar::item {{ border: none; }}
QSplitter::handle {{ background: {LINE}; }}
QSplitter::handle:horizontal {{ width: 2px; }}
QSplitter::handle:vertical {{ height: 2px; }}
QSplitter::handle:hover {{ background: {ACCENT}; }}
QPushButton, QToolButton {{
    background: {RAISED}; border: 1px solid {LINE}; border-radius: 4px; padding: 4px 10px; min-height: 16px;
}}
QToolButton {{ padding: 4px 6px; }}
QPushButton:hover, QToolButton:hover {{ background: {HOVER}; }}
QPushButton:pressed, QToolButton:pressed, QPushButton:checked, QToolButton:checked {{
    background: {SELECTED}; color: {ACCENT};
}}
QPushButton:focus, QToolButton:focus {{ border-color: {ACCENT}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {FAINT}; background: {PANEL}; }}
QPushButton[primary="true"], QToolButton[primary="true"] {{
    background: {ACCENT}; color: {ON_ACCENT}; border-color: {ACCENT}; font-weight: 600;
}}
QPushButton[primary="true"]:hover, QToolButton[primary="true"]:hover {{ background: #eda153; }}
QPushButton[primary="true"]:focus, QToolButton[primary="true"]:focus {{ border-color: {TEXT}; }}
QPushButton[primary="true"]:disabled, QToolButton[primary="true"]:disabled {{
    background: {RAISED}; color: {FAINT}; border-color: {LINE};
}}
QToolButton[flat="true"], QPushButton[flat="true"] {{ background: transparent; border-color: transparent; }}
QToolButton[flat="true"]:hover, QPushButton[flat="true"]:hover {{ background: {RAISED}; }}
QToolButton[flat="true"]:focus, QPushButton[flat="true"]:focus {{ border-color: {ACCENT}; }}
QToolButton::menu-indicator {{ image: none; }}
QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {{
    background: {WELL}; border: 1px solid {EDGE}; border-radius: 4px; padding: 4px 6px; min-height: 16px;
}}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{
    border-color: {ACCENT};
}}
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{
    color: {FAINT}; background: {PANEL}; border-color: {LINE};
}}
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button, QDoubleSpinBox::down-button {{
    border: none; background: transparent; width: 16px;
}}
QComboBox::drop-down {{ border: none; width: 18px; }}
QComboBox QAbstractItemView {{ background: {PANEL}; border: 1px solid {EDGE}; padding: 2px; }}
QAbstractItemView {{
    background: {WELL}; border: none; outline: none;
    selection-background-color: {SELECTED}; selection-color: {TEXT};
}}
QTreeView::item:focus {{ border: none; }}
QHeaderView {{ background: {PANEL}; border: none; }}
QHeaderView::section {{
    background: {PANEL}; color: {DIM}; border: none; border-right: 1px solid {LINE}; border-bottom: 1px solid {LINE};
    padding: 4px 6px;
}}
QHeaderView::section:hover {{ color: {TEXT}; }}
QTabWidget::pane {{ border: none; border-top: 1px solid {LINE}; }}
QTabBar {{ background: {WINDOW}; }}
QTabBar::tab {{ background: transparent; color: {DIM}; padding: 6px 12px; border-bottom: 2px solid transparent; }}
QTabBar::tab:hover {{ color: {TEXT}; }}
QTabBar::tab:selected {{ color: {TEXT}; border-bottom: 2px solid {ACCENT}; }}
QTabBar::tab:focus {{ color: {ACCENT}; }}
QProgressBar {{ background: {WELL}; border: none; border-radius: 3px; min-height: 6px; max-height: 6px; }}
QProgressBar::chunk {{ background: {ACCENT}; border-radius: 3px; }}
QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 0; }}
QScrollBar::handle {{ background: {EDGE}; border-radius: 4px; margin: 1px; min-height: 28px; min-width: 28px; }}
QScrollBar::handle:hover {{ background: {FAINT}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QScrollArea {{ background: transparent; border: none; }}
QGroupBox {{ border: none; margin-top: 18px; padding: 0; color: {DIM}; }}
QGroupBox::title {{ subcontrol-origin: margin; left: 0; }}
QLabel[dim="true"] {{ color: {DIM}; }}
QLabel[faint="true"] {{ color: {FAINT}; }}
QLabel[bad="true"] {{ color: {BAD}; }}
QLabel[warn="true"] {{ color: {WARN}; }}
QFrame[panel="true"] {{ background: {PANEL}; }}
QFrame[line="true"] {{ background: {LINE}; max-height: 1px; border: none; }}
QSlider::groove:horizontal {{ background: {EDGE}; height: 3px; border-radius: 1px; }}
QSlider::sub-page:horizontal {{ background: {ACCENT}; border-radius: 1px; }}
QSlider::handle:horizontal {{ background: {TEXT}; width: 10px; height: 10px; margin: -4px 0; border-radius: 5px; }}
QSlider::handle:horizontal:focus {{ background: {ACCENT}; }}
QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator {{ width: 12px; height: 12px; border: 1px solid {FAINT}; border-radius: 3px; background: {WELL}; }}
QCheckBox::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT}; }}
QCheckBox::indicator:indeterminate {{ background: {SELECTED}; border-color: {ACCENT}; }}
QRadioButton {{ spacing: 8px; }}
QRadioButton::indicator {{
    width: 12px; height: 12px; border: 1px solid {FAINT}; border-radius: 7px; background: {WELL};
}}
QRadioButton::indicator:checked {{ background: {ACCENT}; border-color: {ACCENT}; }}
QRadioButton:focus {{ color: {ACCENT}; }}
QListWidget::item {{ padding: 4px 8px; }}
QTreeWidget::item {{ padding: 3px 0; }}
QCheckBox:focus {{ color: {ACCENT}; }}
QLabel[changed="true"] {{ color: {ACCENT}; }}
"""
