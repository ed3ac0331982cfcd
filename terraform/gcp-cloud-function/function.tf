locals {
  from_source = var.source_archive != null
  target      = local.from_source ? one(google_cloudfunctions2_function.this[*].service_config[0].uri) : one(google_cloud_run_v2_service.this[*].uri)
  service     = local.from_source ? one(google_cloudfunctions2_function.this[*].name) : one(google_cloud_run_v2_service.this[*].name)
}

resource "google_storage_bucket_object" "source" {
  count = local.from_source ? 1 : 0

  # Another archive has another name, which is what makes Google build it.
  name   = "${var.name}/source-${filesha256(var.source_archive)}.zip"
  bucket = var.create_bucket ? google_storage_bucket.this[0].name : local.bucket
  source = var.source_archive
}

resource "google_storage_bucket_object" "config" {
  count = local.inline_config ? 0 : 1

  name         = local.config_object
  bucket       = var.create_bucket ? google_storage_bucket.this[0].name : local.bucket
  content      = var.config
  content_type = "application/yaml"
}

resource "google_cloudfunctions2_function" "this" {
  count = local.from_source ? 1 : 0

  project     = var.project
  location    = var.region
  name        = var.name
  description = "packetboat: delivers Kubernetes events, one run each"
  labels      = var.labels

  build_config {
    runtime         = var.runtime
    entry_point     = "Run"
    service_account = var.build_service_account
    source {
      storage_source {
        bucket = google_storage_bucket_object.source[0].bucket
        object = google_storage_bucket_object.source[0].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function.email
    available_memory                 = var.memory
    timeout_seconds                  = var.timeout
    environment_variables            = local.environment
    min_instance_count               = 0
    max_instance_count               = 1
    max_instance_request_concurrency = 1
    # Cloud Scheduler counts as internal.
    ingress_settings              = "ALLOW_INTERNAL_ONLY"
    vpc_connector                 = var.vpc_connector
    vpc_connector_egress_settings = var.vpc_connector == null ? null : var.vpc_egress
  }

  lifecycle {
    precondition {
      condition     = (var.source_archive == null) != (var.image == null)
      error_message = "want either source_archive, for a Cloud Function, or image, for Cloud Run."
    }
  }
}

# The same service from an image, without a build.
resource "google_cloud_run_v2_service" "this" {
  count = local.from_source ? 0 : 1

  project             = var.project
  location            = var.region
  name                = var.name
  description         = "packetboat: delivers Kubernetes events, one run each"
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  labels              = var.labels
  deletion_protection = false

  template {
    service_account                  = google_service_account.function.email
    timeout                          = "${var.timeout}s"
    max_instance_request_concurrency = 1

    scaling {
      min_instance_count = 0
      max_instance_count = 1
    }

    containers {
      image = var.image

      resources {
        limits = { cpu = "1", memory = var.memory }
      }

      dynamic "env" {
        for_each = merge(local.environment, { FUNCTION_TARGET = "Run" })
        content {
          name  = env.key
          value = env.value
        }
      }
    }

    dynamic "vpc_access" {
      for_each = var.vpc_connector == null ? [] : [var.vpc_connector]
      content {
        connector = vpc_access.value
        egress    = var.vpc_egress
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.image != null
      error_message = "want either source_archive, for a Cloud Function, or image, for Cloud Run."
    }
  }
}
