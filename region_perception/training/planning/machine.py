"""What this machine has to train on."""

import os


def device_count(cpu: bool = False) -> int:
    """GPUs, or 1 where there is none or they are to be left alone."""
    import torch

    return 1 if cpu else max(1, torch.cuda.device_count())


def device_memory(devices: int, cpu: bool = False) -> int:
    """Bytes of the smallest GPU; where there is none or they are to be left alone, what `devices` processes share."""
    import torch

    if not cpu and torch.cuda.is_available():
        return min(torch.cuda.get_device_properties(i).total_memory for i in range(torch.cuda.device_count()))
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // devices
