"""What a data scientist types for local mode: an Estimator whose instance type is `local`, and fit(). Everything of one call is one JSON argument.

Prints a last line of JSON: the address of the model, or what the SDK raised.
"""
import json
import sys

import boto3
from sagemaker.estimator import Estimator
from sagemaker.local import LocalSession

asked = json.loads(sys.argv[1])
session = LocalSession(boto3.Session(region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key=asked["secret"]))
session.config = {"local": {"container_root": asked["root"], "local_code": True}}
estimator = Estimator(asked["image"], "arn:aws:iam::123456789012:role/TrainRole", 1, "local", output_path=asked["output"], sagemaker_session=session,
                      hyperparameters=asked["hyperparameters"], environment=asked["environment"], **asked["more"])
try:
    estimator.fit(asked["inputs"], job_name=asked["job"])
    print(json.dumps({"model": estimator.model_data}))
except RuntimeError as error:
    print(json.dumps({"raised": str(error)}))
