#pragma once

// Marks what the shared library shows; everything else is built with hidden visibility.
#if defined(__GNUC__)
#define INTERLOCK_EXPORT __attribute__((visibility("default")))
#else
#define INTERLOCK_EXPORT
#endif
