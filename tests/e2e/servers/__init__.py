"""The servers that the agent meets in the tests: real ones where they exist, and two of the tests' own that check what those do not.

    gateway.py    versitygw: S3 with versions, signature checking on
    sagemaker.py  moto: ListTags over a training job and its tags
    nginx.py      https with a private CA (certificates.py)
    aws.py        verifies each signature with botocore's signer (signature.py), and serves what hands out credentials
    cutter.py     a TCP proxy that ends connections early
    netns.py      a network namespace, where link-local and public addresses can stand without harm
"""
