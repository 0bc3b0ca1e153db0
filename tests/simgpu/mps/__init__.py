"""A stand-in of MPS for tests: the programs of bin/ have NVIDIA's names and are found through PATH.

As NVIDIA's documentation and man page say, and as others' programs have seen it:

- `nvidia-cuda-mps-control -d` or `-f` is the control daemon. It makes `control` (a socket),
  `control_privileged`, `control_lock`, `log` (a fifo) and `nvidia-cuda-mps-control.pid` in
  CUDA_MPS_PIPE_DIRECTORY, and control.log in CUDA_MPS_LOG_DIRECTORY. When it ends at `quit` it
  removes the pid file alone. A signal ends it at once: nothing is removed, its server lives on.
- Without arguments the program reads commands, a line each, and prints the daemon's answers. Exit
  code: 1 where no daemon answers, or the connection breaks.
- The first client makes the daemon start `nvidia-cuda-mps-server`, a child in a session of its own.
  Clients are handed over to it, so they outlive the daemon; when it dies they fail.
- A client that finds no daemon goes on without MPS, as CUDA does.
- The daemon's CUDA_VISIBLE_DEVICES says which boards there are; the clients' counts among those.
- A GPU fault of a client (train.py --fault-seconds) is written to server.log and reported as Xid
  31. All clients on that board fail, and no new one is let in until they have gone.
- `terminate_client` ends a client's contexts, not its process: its next call to CUDA fails.

Not here: servers of several users, MLOPart devices, SM partitions beyond their refusal.

Where the defaults lie: SIMGPU_MPS_PIPE_DIRECTORY and SIMGPU_MPS_LOG_DIRECTORY, for /tmp/nvidia-mps
and /var/log/nvidia-mps. SIMGPU_MPS_DRIVER (590) is the driver's version; protocol 3 exists from 615
on. SIMGPU_MPS_FAULTS names a file of words, looked at again each time:

- `hang_at_start`: the daemon makes nothing, and waits for ever
- `hang_at_quit`: it does not end at `quit`, and TERM does not end it either
- `deaf`: it takes connections and answers none
- `server_fails`: no server starts
- `start_seconds=N`, `terminate_seconds=N`, `quit_seconds=N`: these take so long
- `killed_client=hang` or `=fail`: a client that a signal ends takes the others with it
"""
