"""The live app: a webcam drives a portrait into a virtual camera, a window, a file."""
