locals {
  bucket = coalesce(var.bucket_name, "${var.name}-${var.project}")
}

resource "google_storage_bucket" "this" {
  count = var.create_bucket ? 1 : 0

  project                     = var.project
  name                        = local.bucket
  location                    = coalesce(var.bucket_location, var.region)
  force_destroy               = var.bucket_force_destroy
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  labels                      = var.labels

  versioning {
    enabled = true
  }

  # Versions are enough; soft delete would keep, and charge for, every commit of a week.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = var.noncurrent_version_days
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.dead_letter_days == null ? [] : distinct([for d in local.gcs_dead_letters : try(coalesce(d.prefix), "packetboat-dead-letters") if d.bucket == local.bucket])
    content {
      action {
        type = "Delete"
      }
      condition {
        age            = var.dead_letter_days
        matches_prefix = ["${lifecycle_rule.value}/"]
      }
    }
  }
}
