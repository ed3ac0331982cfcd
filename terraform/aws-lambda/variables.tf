variable "name" {
  description = "Name of the function, and what the names of all else begin with."
  type        = string
  default     = "packetboat"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,39}$", var.name))
    error_message = "name: want 1 to 40 of a-z, 0-9 and -, beginning with a letter; it becomes part of a bucket's name."
  }
}

variable "config" {
  description = "The configuration, as YAML text: file(\"config.yaml\"). The function's rights are derived from it, so it must name what it sends to in full."
  type        = string

  validation {
    condition     = can(keys(yamldecode(var.config)))
    error_message = "config: want packetboat's configuration as YAML text, not the name of a file; `packetboat check --config FILE` says what is wrong with it."
  }
}

variable "package" {
  description = "The zip file with bootstrap: filename, or s3_bucket and s3_key (and s3_object_version). source_code_hash tells Terraform of a new one; with filename it is computed."
  type = object({
    filename          = optional(string)
    s3_bucket         = optional(string)
    s3_key            = optional(string)
    s3_object_version = optional(string)
    source_code_hash  = optional(string)
  })

  validation {
    condition     = (var.package.filename != null) != (var.package.s3_bucket != null && var.package.s3_key != null)
    error_message = "package: want either filename, or s3_bucket and s3_key."
  }
}

variable "architecture" {
  description = "arm64 or x86_64, as bootstrap was built."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture: want arm64 or x86_64."
  }
}

variable "memory" {
  description = "Memory in MB. It also buys CPU, which TLS, compression and decoding need."
  type        = number
  default     = 256
}

variable "timeout" {
  description = "Seconds for one run. Above delivery.retry.budget (2 minutes unless configured) and below the schedule's interval."
  type        = number
  default     = 210

  validation {
    condition     = var.timeout >= 10 && var.timeout <= 900
    error_message = "timeout: want 10 to 900 seconds; Lambda allows no more."
  }
}

variable "environment" {
  description = "More environment variables. What the configuration names as $${NAME} comes from here; keep secrets elsewhere and refer to them."
  type        = map(string)
  default     = {}
}

variable "schedule" {
  description = "When it runs: rate(...) or cron(...). 4 minutes keep a run below the 5 minutes after which an API server compacts, so that it reads only what is new."
  type        = string
  default     = "rate(4 minutes)"
}

variable "schedule_enabled" {
  description = "false pauses the runs. Events older than the cluster keeps them are lost then."
  type        = bool
  default     = true
}

variable "payload" {
  description = "What each scheduled invocation carries: deadline, receivers and dryRun of the function's payload."
  type        = any
  default     = {}
}

variable "scheduler_retries" {
  description = "How often EventBridge Scheduler invokes again if Lambda does not take the invocation: 0 or 1. The next run does the work of a missed one."
  type        = number
  default     = 1

  validation {
    condition     = contains([0, 1], var.scheduler_retries)
    error_message = "scheduler_retries: want 0 or 1; the next scheduled run repairs what this one left."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency. null reserves none, for accounts whose limit is too low: Lambda keeps 100 unreserved. The checkpoint's lease allows one run at a time either way."
  type        = number
  default     = 1
}

variable "create_bucket" {
  description = "Make the bucket for checkpoint, large configurations and dead letters. With false bucket_name names one that is there."
  type        = bool
  default     = true
}

variable "bucket_name" {
  description = "The bucket's name; default NAME-ACCOUNT-REGION."
  type        = string
  default     = null
}

variable "bucket_force_destroy" {
  description = "Let terraform destroy delete the bucket with the checkpoint in it."
  type        = bool
  default     = false
}

variable "checkpoint_key" {
  description = "Key of the checkpoint in the bucket, unless the configuration has checkpoint or clusters."
  type        = string
  default     = "packetboat/checkpoint.json"
}

variable "noncurrent_version_days" {
  description = "Days after which old versions of the bucket's objects are deleted. A checkpoint has one for every commit."
  type        = number
  default     = 7
}

variable "dead_letter_days" {
  description = "Days after which dead letters in the created bucket are deleted; null keeps them."
  type        = number
  default     = 90
}

variable "kms_key_arn" {
  description = "KMS key that encrypts the created bucket; default S3's own (AES256)."
  type        = string
  default     = null
}

variable "kms_key_arns" {
  description = "KMS keys of what packetboat sends to or reads: encrypted queues, topics, streams, secrets. It may use kms:Decrypt and kms:GenerateDataKey of them."
  type        = list(string)
  default     = []
}

variable "resource_arns" {
  description = "By receiver: the ARN of what it sends to where the configuration has only addresses: an MSK cluster (kafka with aws-msk-iam), an OpenSearch domain or collection (awsService)."
  type        = map(string)
  default     = {}
}

variable "additional_statements" {
  description = "More IAM policy statements for the function's role."
  type        = any
  default     = []
}

variable "permissions_boundary" {
  description = "ARN of a permissions boundary for both roles."
  type        = string
  default     = null
}

variable "vpc" {
  description = "Subnets and security groups for the function, to reach a private API endpoint. It then has a way to AWS's services only by NAT or VPC endpoints."
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
    ipv6               = optional(bool, false)
  })
  default = null
}

variable "create_access_entries" {
  description = "Make an access entry in each EKS cluster of the configuration that is in this account and region and has no roleARN."
  type        = bool
  default     = true
}

variable "kubernetes_group" {
  description = "The Kubernetes group that the function belongs to in its clusters. The output rbac_script binds it."
  type        = string
  default     = "packetboat"
}

variable "lookup_kinds" {
  description = "Kinds of objects, KIND or GROUP/KIND, whose labels, annotations and owners are looked up, for rbac_script. null is the configuration's enrich.kinds; none of these is pods, nodes and workloads."
  type        = list(string)
  default     = null
}

variable "log_retention_days" {
  description = "Days that the function's log is kept."
  type        = number
  default     = 30
}

variable "log_kms_key_arn" {
  description = "KMS key that encrypts the log; its policy must allow the CloudWatch Logs service."
  type        = string
  default     = null
}

variable "queue_retention_days" {
  description = "Days that the dead letter queue keeps an invocation that failed."
  type        = number
  default     = 14

  validation {
    condition     = var.queue_retention_days >= 1 && var.queue_retention_days <= 14
    error_message = "queue_retention_days: want 1 to 14; SQS keeps no message longer."
  }
}

variable "alarms" {
  description = "CloudWatch alarms. minutes_without_success should be some times the schedule and well below the clusters' event TTL; minutes_owed is how long something may be owed or runs may fail."
  type = object({
    enabled                 = optional(bool, true)
    topic_arns              = optional(list(string), [])
    minutes_without_success = optional(number, 20)
    minutes_owed            = optional(number, 20)
  })
  default = {}

  validation {
    condition     = alltrue([for m in [var.alarms.minutes_without_success, var.alarms.minutes_owed] : m >= 5 && m <= 1440 && m % 5 == 0])
    error_message = "alarms: want minutes as multiples of 5, from 5 to 1440: CloudWatch looks at 5 minutes at a time, and back no more than a day."
  }
}

variable "tags" {
  description = "Tags of all that is created."
  type        = map(string)
  default     = {}
}
