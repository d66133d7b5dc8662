"""What PyTorch raises when a worker died of SIGBUS."""
raise RuntimeError(
    "DataLoader worker (pid 113) is killed by signal: Bus error. It is possible that dataloader's workers are out of shared memory. "
    "Please try to raise your shared memory limit.")
