"""SageMaker's control plane: moto, with training jobs and their tags. It checks no signature; aws.py's Tags stands before it where one shall."""
import sys
import urllib.request

import boto3

from jobs import ACCOUNT, REGION
from servers.program import Program


class SageMaker(Program):
    def command(self):
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", self.port]

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=5) as reply:
                return reply.status == 200
        except OSError:
            return False

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def env(self):
        return {"AWS_ENDPOINT_URL_SAGEMAKER": self.url}

    def training_job(self, name, tags):
        """A training job with {key: value} as tags; returns its ARN, whose name part the platform writes in lower case."""
        client = boto3.client("sagemaker", endpoint_url=self.url, region_name=REGION, aws_access_key_id="AKIAMOTO",
                              aws_secret_access_key="any")
        return client.create_training_job(
            TrainingJobName=name.lower(), RoleArn=f"arn:aws:iam::{ACCOUNT}:role/TrainRole",
            AlgorithmSpecification={"TrainingImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/train:1", "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://models/"}, StoppingCondition={"MaxRuntimeInSeconds": 3600},
            ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()])["TrainingJobArn"]
