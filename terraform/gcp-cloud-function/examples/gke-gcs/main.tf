# One GKE cluster, its checkpoint in Cloud Storage, its events in a Pub/Sub topic, and
# alerts that reach somebody.
terraform {
  required_version = ">= 1.7"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = "europe-west1"
}

variable "project" {
  description = "ID of the project of cluster and function."
  type        = string
}

variable "source_archive" {
  description = "The zip file with the sources, as entrypoints/cloudfunction/README.md makes it."
  type        = string
}

variable "oncall_email" {
  description = "Who is told when an alert goes off."
  type        = string
}

module "packetboat" {
  source = "../.."

  project        = var.project
  region         = "europe-west1"
  source_archive = var.source_archive
  config         = templatefile("${path.module}/config.yaml.tftpl", { project = var.project })
  alerts         = { channels = [google_monitoring_notification_channel.oncall.id] }

  # Rights are given on the topic, which must be there.
  depends_on = [google_pubsub_topic.events]
}

resource "google_pubsub_topic" "events" {
  name = "kubernetes-events"
}

resource "google_monitoring_notification_channel" "oncall" {
  display_name = "packetboat on call"
  type         = "email"
  labels       = { email_address = var.oncall_email }
}

output "rbac_script" {
  description = "terraform output -raw rbac_script | sh | kubectl apply -f -"
  value       = module.packetboat.rbac_script
  sensitive   = true
}
