resource "google_service_account" "scheduler" {
  project      = var.project
  account_id   = "${var.name}-scheduler"
  display_name = "packetboat: invokes ${var.name}"
}

# A function of the second generation is a service of Cloud Run.
resource "google_cloud_run_v2_service_iam_member" "scheduler" {
  project  = var.project
  location = var.region
  name     = local.service
  role     = "roles/run.invoker"
  member   = google_service_account.scheduler.member
}

resource "google_cloud_scheduler_job" "this" {
  project     = var.project
  region      = var.region
  name        = var.name
  description = "One run of packetboat"
  schedule    = var.schedule
  time_zone   = "Etc/UTC"
  paused      = !var.schedule_enabled

  # The function ends first, so that its answer is heard.
  attempt_deadline = "${var.timeout + 30}s"

  retry_config {
    retry_count          = var.scheduler_retries
    min_backoff_duration = "10s"
  }

  http_target {
    http_method = "POST"
    uri         = local.target
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode(var.payload))

    oidc_token {
      service_account_email = google_service_account.scheduler.email
      audience              = local.target
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.scheduler]
}

check "the_timeout_ends_before_the_next_run" {
  assert {
    condition     = try(var.timeout < 60 * tonumber(regex("^\\*/([0-9]+) \\* \\* \\* \\*$", var.schedule)[0]), true)
    error_message = "timeout: a run may take ${var.timeout} s and the next one begins before that (${var.schedule}). The second would find the lease held and do nothing."
  }
}
