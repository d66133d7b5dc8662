"""Downloads and unpacks as the SageMaker toolkit does: boto3_get.py BUCKET KEY FILE [FOLDER]; without FOLDER it only downloads."""
import sys
import tarfile

import boto3


def main(bucket, key, file, folder=None):
    boto3.resource("s3").Bucket(bucket).download_file(key, file)
    if folder is not None:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(folder, filter="data")


main(*sys.argv[1:])
