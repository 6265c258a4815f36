import boto3

client = boto3.client(
    "s3",
    aws_access_key_id="AKIAZ5PLNTDQ7RJX4WVN",
    aws_secret_access_key="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",
)
