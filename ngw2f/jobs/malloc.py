"""The memory of processes that now and then need much of it for a moment."""

import ctypes

# What the C library gives back to the system as soon as it is free. Unless told so, it raises
# this to what was once free, and keeps the memory of every large image (mallopt(3)).
GIVEN_BACK_BYTES = 256 * 1024


def give_memory_back() -> None:
    """Tell the C library not to keep what large images left."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # It is glibc's.
        m_mmap_threshold = -3
        library.mallopt(m_mmap_threshold, GIVEN_BACK_BYTES)
