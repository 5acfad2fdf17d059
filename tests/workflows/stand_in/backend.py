"""Builds the stand-in's wheel without any package, so that installing it needs no network."""

import zipfile
from pathlib import Path

_INFO = "weighbridge-0.0.0.dist-info"
_FILES = {
    f"{_INFO}/METADATA": "Metadata-Version: 2.1\nName: weighbridge\nVersion: 0.0.0\n",
    f"{_INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: stand-in\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    f"{_INFO}/entry_points.txt": "[console_scripts]\nweighbridge = stand_in_weighbridge:main\n",
}


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """The hook that an installer calls (PEP 517)."""
    name = "weighbridge-0.0.0-py3-none-any.whl"
    module = Path(__file__).parent / "stand_in_weighbridge.py"
    with zipfile.ZipFile(Path(wheel_directory) / name, "w") as wheel:
        wheel.write(module, module.name)
        for path, content in _FILES.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{_INFO}/RECORD", "")
    return name
