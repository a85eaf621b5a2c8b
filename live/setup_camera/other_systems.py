"""Windows and macOS: a virtual camera that another program brings. Not run by us."""

from __future__ import annotations

import platform
from pathlib import Path

from live.names import OBS_NAME, UNITY_NAME
from live.setup_camera.steps import Plan, Step

#: Under these the systems know the cameras of OBS and of Unity Capture.
_OBS_CLASS = "{A3FCE0F5-3493-419F-958A-ABA1250EC20B}"
_UNITY_CLASS = "{5C2CD55C-92AD-4999-8666-912BD3E70010}"

#: Where macOS has it.
_OBS_APP = Path("/Applications/OBS.app")

_FIXED = f'"{OBS_NAME}" cannot be renamed: choose that name in your call, there will be no "FOMM Cam"'


def windows() -> Plan:
    """The plan for Windows, where OBS or Unity Capture brings the camera."""
    if _is_registered(_OBS_CLASS):
        return Plan(
            OBS_NAME, ["OBS's virtual camera is installed", _FIXED, "leave it stopped in OBS itself"], []
        )
    if _is_registered(_UNITY_CLASS):
        return Plan(UNITY_NAME, ["Unity Capture is installed"], [])
    return Plan(
        OBS_NAME,
        ["neither OBS nor Unity Capture is installed", _FIXED],
        [
            Step(
                "Install OBS Studio 26 or newer: https://obsproject.com, or",
                ["winget install OBSProject.OBSStudio"],
            ),
            Step("Start OBS once, click Start Virtual Camera, then Stop Virtual Camera, and close OBS"),
            Step(
                f'Or instead, install Unity Capture ("{UNITY_NAME}"): https://github.com/schellingb/UnityCapture. '
                "Its own installer, or, for another name, as administrator in its folder Install",
                ['regsvr32 "/i:UnityCaptureName=FOMM Cam" UnityCaptureFilter64.dll'],
                optional=True,
            ),
        ],
    )


def macos() -> Plan:
    """The plan for macOS, where OBS brings the camera."""
    installed = _OBS_APP.exists()
    install = Step("Install OBS Studio 30 or newer: https://obsproject.com, or", ["brew install --cask obs"])
    steps = [] if installed else [install]
    steps.append(
        Step(
            "Once: start OBS, click Start Virtual Camera, allow its extension in System Settings, "
            "click Stop Virtual Camera, and quit OBS",
            optional=installed,
        )
    )
    return Plan(OBS_NAME, [f"OBS is {'' if installed else 'not '}installed", _FIXED], steps)


def refusal() -> str:
    """Why frames cannot be sent to a virtual camera here, after trying in vain."""
    if platform.system() == "Windows":
        missing, there = "neither OBS nor Unity Capture is installed", _is_registered(_OBS_CLASS)
        if not there and _is_registered(_UNITY_CLASS):
            return f'"{UNITY_NAME}" cannot be opened: another program may send to it already'
    else:
        missing, there = "OBS is not installed", _OBS_APP.exists()
    if not there:
        return missing
    return f'"{OBS_NAME}" cannot be opened: start and stop it once in OBS itself, then leave it stopped there'


def _is_registered(class_id: str) -> bool:
    if platform.system() != "Windows":
        return False
    import winreg

    try:
        # Not on other systems, whose type checkers do not know it.
        key = winreg.OpenKey(winreg.HKEY_CLASSES_ROOT, rf"CLSID\{class_id}")  # type: ignore[attr-defined, unused-ignore]
    except OSError:
        return False
    key.Close()
    return True
