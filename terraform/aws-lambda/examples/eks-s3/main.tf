# One EKS cluster, its checkpoint in S3, its events in a Kinesis stream, and alarms
# that reach somebody. Everything that costs money or can fail has a default here.
terraform {
  required_version = ">= 1.7"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "package" {
  description = "The zip file that make dist FILES=packetboat-lambda-arm64.zip makes."
  type        = string
}

variable "oncall_email" {
  description = "Who is told when an alarm goes off."
  type        = string
}

module "packetboat" {
  source = "../.."

  package = { filename = var.package }
  config  = file("${path.module}/config.yaml")
  alarms  = { topic_arns = [aws_sns_topic.oncall.arn] }
}

resource "aws_kinesis_stream" "events" {
  name            = "kubernetes-events"
  encryption_type = "KMS"
  kms_key_id      = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = "ON_DEMAND"
  }
}

resource "aws_sns_topic" "oncall" {
  name = "packetboat-oncall"
}

resource "aws_sns_topic_subscription" "oncall" {
  topic_arn = aws_sns_topic.oncall.arn
  protocol  = "email"
  endpoint  = var.oncall_email
}

output "rbac_script" {
  description = "terraform output -raw rbac_script | sh | kubectl apply -f -"
  value       = module.packetboat.rbac_script
  sensitive   = true
}

output "function_name" {
  description = "aws lambda invoke --function-name NAME /dev/stdout makes a run now."
  value       = module.packetboat.function_name
}
