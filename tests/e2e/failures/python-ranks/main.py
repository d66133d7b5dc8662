"""What torchrun shows of two ranks, of which the second fails and the first notices."""
import sys

sys.stderr.write("""\
[rank1]: Traceback (most recent call last):
[rank1]:   File "/opt/ml/code/train.py", line 40, in <module>
[rank1]:     main()
[rank1]: ValueError: sample 17 has no label
[rank0]: Traceback (most recent call last):
[rank0]:   File "/opt/ml/code/train.py", line 52, in <module>
[rank0]:     loss.backward()
[rank0]: RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [10.0.1.7]:29311
E0115 12:00:07.118000 31 torch/distributed/elastic/multiprocessing/api.py:882] failed (exitcode: 1) local_rank: 1 (pid: 45) of binary: /usr/bin/python3
Traceback (most recent call last):
  File "/usr/local/bin/torchrun", line 8, in <module>
    sys.exit(main())
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
train.py FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 45)
============================================================
""")
sys.exit(1)
