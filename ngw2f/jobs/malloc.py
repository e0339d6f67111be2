"""Return memory to the system after short peaks."""

import ctypes

# The C library returns larger blocks to the system as soon as they are freed. By default it
# raises this threshold over time, and keeps the memory of every large image (mallopt(3)).
GIVEN_BACK_BYTES = 256 * 1024


def give_memory_back() -> None:
    """Make the C library return freed memory of large images to the system."""
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # It is glibc's.
        m_mmap_threshold = -3
        library.mallopt(m_mmap_threshold, GIVEN_BACK_BYTES)
