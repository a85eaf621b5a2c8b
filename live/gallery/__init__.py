"""The gallery: which pictures can be shown, making them ready, and what the window's strip shows of them."""

from live.gallery.folder import Collection, gallery_folder, user_folder
from live.gallery.gallery import Gallery
from live.gallery.loading import AvatarLoader, Examined, PreparedAvatar
from live.gallery.naming import bundled_avatars, resolve_avatars
from live.gallery.thumbnails import THUMBNAIL_SIDE, Thumbnail, ThumbnailState

__all__ = [
    "THUMBNAIL_SIDE",
    "AvatarLoader",
    "Collection",
    "Examined",
    "Gallery",
    "PreparedAvatar",
    "Thumbnail",
    "ThumbnailState",
    "bundled_avatars",
    "gallery_folder",
    "resolve_avatars",
    "user_folder",
]
