"""Tensor in, tensor out: footprints, tiles, devices, precision, shortage of memory. No files, no tasks."""
