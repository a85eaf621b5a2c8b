"""The virtual camera on a real kernel: Debian's, in QEMU, with the real v4l2loopback. Run by `make test-vcam`.

`machine` builds and boots the virtual machine, `scenario` runs inside it and prints what it checked, `readers`
are the three programs that look at "FOMM Cam" there: OpenCV, FFmpeg, and Chromium with getUserMedia.
"""
