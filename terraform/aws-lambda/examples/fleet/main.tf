# Several clusters: a function, a schedule, a checkpoint and alarms for each, so that
# none waits for another. They share the bucket.
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

locals {
  # A cluster of another account is read with a role that is there.
  clusters = {
    shop    = { region = "eu-central-1", role = null }
    billing = { region = "eu-west-1", role = null }
    labs    = { region = "eu-central-1", role = "arn:aws:iam::222222222222:role/packetboat-reader" }
  }
}

module "packetboat" {
  source   = "../.."
  for_each = local.clusters

  name    = "packetboat-${each.key}"
  package = { filename = var.package }
  config  = templatefile("${path.module}/config.yaml.tftpl", { name = each.key, cluster = each.value })

  create_bucket  = false
  bucket_name    = aws_s3_bucket.packetboat.id
  checkpoint_key = "packetboat/${each.key}.json"
}

resource "aws_s3_bucket" "packetboat" {
  bucket_prefix = "packetboat-fleet-"
}

resource "aws_s3_bucket_versioning" "packetboat" {
  bucket = aws_s3_bucket.packetboat.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "packetboat" {
  bucket                  = aws_s3_bucket.packetboat.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

output "rbac_scripts" {
  description = "By cluster: terraform output -json rbac_scripts | jq -r '.[\"NAME\"]' | sh | kubectl apply -f -"
  value       = { for name, packetboat in module.packetboat : name => packetboat.rbac_script }
  sensitive   = true
}

output "access_entry_commands" {
  description = "For the clusters that the provider does not reach."
  value       = flatten([for name, packetboat in module.packetboat : packetboat.access_entry_commands])
}
