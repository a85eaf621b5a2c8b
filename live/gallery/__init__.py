"""The gallery: which pictures can be shown, making them ready, and what the window's strip shows of them."""

from live.gallery.gallery import Gallery
from live.gallery.loading import AvatarLoader, PreparedAvatar
from live.gallery.naming import bundled_avatars, resolve_avatars, with_company
from live.gallery.thumbnails import THUMBNAIL_SIDE, Thumbnail, ThumbnailState

__all__ = [
    "THUMBNAIL_SIDE",
    "AvatarLoader",
    "Gallery",
    "PreparedAvatar",
    "Thumbnail",
    "ThumbnailState",
    "bundled_avatars",
    "resolve_avatars",
    "with_company",
]
