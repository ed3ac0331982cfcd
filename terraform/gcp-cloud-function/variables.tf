variable "project" {
  description = "ID of the project that everything is created in."
  type        = string
}

variable "region" {
  description = "Region of the function, the schedule and the bucket, such as europe-west1."
  type        = string
}

variable "name" {
  description = "Name of the function, and what the names of all else begin with."
  type        = string
  default     = "packetboat"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,17}[a-z0-9])?$", var.name))
    error_message = "name: want 1 to 19 of a-z, 0-9 and -, beginning with a letter; it becomes part of service accounts' names, which have 30 characters at most."
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

variable "source_archive" {
  description = "The zip file with the sources that Google's buildpack builds, for a Cloud Function. Either this or image."
  type        = string
  default     = null
}

variable "image" {
  description = "A container image that serves the function, for Cloud Run without a build. Either this or source_archive."
  type        = string
  default     = null
}

variable "runtime" {
  description = "Google's Go runtime, which builds source_archive. It must be as new as the archive's go.mod asks for."
  type        = string
  default     = "go126"
}

variable "build_service_account" {
  description = "Service account that builds source_archive: projects/PROJECT/serviceAccounts/EMAIL; default Google's choice."
  type        = string
  default     = null
}

variable "memory" {
  description = "Memory of an instance, such as 256Mi."
  type        = string
  default     = "256Mi"
}

variable "timeout" {
  description = "Seconds for one run. Above delivery.retry.budget (2 minutes unless configured) and below the schedule's interval."
  type        = number
  default     = 210

  validation {
    condition     = var.timeout >= 30 && var.timeout <= 1770
    error_message = "timeout: want 30 to 1770 seconds; Cloud Scheduler waits for an answer no longer than half an hour."
  }
}

variable "environment" {
  description = "More environment variables. What the configuration names as $${NAME} comes from here; keep secrets elsewhere and refer to them."
  type        = map(string)
  default     = {}
}

variable "schedule" {
  description = "When it runs, in cron's format. 4 minutes keep a run below the 5 minutes after which an API server compacts, so that it reads only what is new."
  type        = string
  default     = "*/4 * * * *"
}

variable "schedule_enabled" {
  description = "false pauses the runs. Events older than the cluster keeps them are lost then."
  type        = bool
  default     = true
}

variable "payload" {
  description = "What each scheduled request carries: deadline, receivers and dryRun of the function's payload."
  type        = any
  default     = {}
}

variable "scheduler_retries" {
  description = "How often Cloud Scheduler asks again after a run that failed: 0 or 1. The next run does the work of a missed one."
  type        = number
  default     = 0

  validation {
    condition     = contains([0, 1], var.scheduler_retries)
    error_message = "scheduler_retries: want 0 or 1; the next scheduled run repairs what this one left."
  }
}

variable "create_bucket" {
  description = "Make the bucket for checkpoint, sources, large configurations and dead letters. With false bucket_name names one that is there, with uniform bucket-level access."
  type        = bool
  default     = true
}

variable "bucket_name" {
  description = "The bucket's name; default NAME-PROJECT."
  type        = string
  default     = null
}

variable "bucket_location" {
  description = "The bucket's location; default region."
  type        = string
  default     = null
}

variable "bucket_force_destroy" {
  description = "Let terraform destroy delete the bucket with the checkpoint in it."
  type        = bool
  default     = false
}

variable "checkpoint_object" {
  description = "Name of the checkpoint in the bucket, unless the configuration has checkpoint or clusters."
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

variable "vpc_connector" {
  description = "Serverless VPC Access connector, to reach a private endpoint: projects/PROJECT/locations/REGION/connectors/NAME."
  type        = string
  default     = null
}

variable "vpc_egress" {
  description = "What goes through the connector: PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  type        = string
  default     = "PRIVATE_RANGES_ONLY"

  validation {
    condition     = contains(["PRIVATE_RANGES_ONLY", "ALL_TRAFFIC"], var.vpc_egress)
    error_message = "vpc_egress: want PRIVATE_RANGES_ONLY or ALL_TRAFFIC."
  }
}

variable "lookup_kinds" {
  description = "Kinds of objects, KIND or GROUP/KIND, whose labels, annotations and owners are looked up, for rbac_script. null is the configuration's enrich.kinds; none of these is pods, nodes and workloads."
  type        = list(string)
  default     = null
}

variable "alerts" {
  description = "Cloud Monitoring alert policies. minutes_without_success should be some times the schedule and well below the clusters' event TTL; minutes_owed is how long something may be owed or runs may fail."
  type = object({
    enabled                 = optional(bool, true)
    channels                = optional(list(string), [])
    minutes_without_success = optional(number, 20)
    minutes_owed            = optional(number, 20)
  })
  default = {}

  validation {
    condition     = alltrue([for m in [var.alerts.minutes_without_success, var.alerts.minutes_owed] : m >= 5 && m <= 1380 && m % 5 == 0])
    error_message = "alerts: want minutes as multiples of 5, from 5 to 1380: Cloud Monitoring looks back no more than 23 hours."
  }
}

variable "labels" {
  description = "Labels of what is created, where it can have some."
  type        = map(string)
  default     = {}
}
