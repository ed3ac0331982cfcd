# The log has one line of JSON with the Report of every run. Log-based metrics count
# those that say something.
locals {
  log = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.name}\" AND resource.labels.location=\"${var.region}\""

  # One receiver of whom it is true is enough. A name with other characters stands in quotes.
  any = { for field in ["owed", "lost", "deadLettered"] : field => join(" OR ", [for r in local.receivers : "jsonPayload.report.receivers.\"${r.name}\".${field}>0"]) }

  filters = merge(
    {
      caught-up = "jsonPayload.message=\"run ended\" AND jsonPayload.report.caughtUp=true AND NOT jsonPayload.report.dryRun=true"
      failed    = "jsonPayload.message:\"run failed\""
      gap       = "jsonPayload.report.gap.reason:*"
      reset     = "jsonPayload.report.reset.reason:*"
    },
    length(local.receivers) == 0 ? {} : { owed = "(${local.any.owed})", lost = "(${local.any.lost})", dead-lettered = "(${local.any.deadLettered})" },
  )

  # One alert a line: for how long it must be true, and what it means.
  alerts = {
    failed        = { duration = "${var.alerts.minutes_owed * 60}s", severity = "ERROR", text = "Runs have failed for ${var.alerts.minutes_owed} minutes. What is owed is kept for the next one." }
    owed          = { duration = "${var.alerts.minutes_owed * 60}s", severity = "WARNING", text = "For ${var.alerts.minutes_owed} minutes every run has left something owed to a receiver. The Report in the log says to which and why." }
    gap           = { duration = "0s", severity = "CRITICAL", text = "Events have expired in a cluster before a run read them: runs are further apart than the cluster keeps events." }
    reset         = { duration = "0s", severity = "WARNING", text = "A cluster's history was rewritten; all that it retains was delivered again, under the same IDs." }
    lost          = { duration = "0s", severity = "CRITICAL", text = "A receiver has refused events for good, and no dead letter store is configured. They are in the log." }
    dead-lettered = { duration = "0s", severity = "WARNING", text = "A receiver has refused events; they are stored as dead letters. packetboat redeliver sends them again." }
  }
}

resource "google_logging_metric" "this" {
  for_each = { for name, filter in local.filters : name => filter if var.alerts.enabled }

  project = var.project
  name    = "${var.name}/${each.key}"
  filter  = "${local.log} AND ${each.value}"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }

  lifecycle {
    precondition {
      condition     = length(each.value) <= 19000
      error_message = "alerts: Cloud Logging takes 20,000 characters of a filter; there are too many receivers to name in one. Split them over functions, or alerts = { enabled = false }."
    }
  }
}

resource "google_monitoring_alert_policy" "no_success" {
  count = var.alerts.enabled ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: no success"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.alerts.channels
  user_labels           = var.labels

  documentation {
    content = "No run has caught up for ${var.alerts.minutes_without_success} minutes. Beyond the clusters' event TTL events are lost. Look for \"run failed\" in the log of ${var.name}."
  }

  conditions {
    display_name = "no run has caught up"
    condition_absent {
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.this["caught-up"].name}\""
      duration = "${var.alerts.minutes_without_success * 60}s"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM" # revisions come and go
      }
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = { for name, alert in local.alerts : name => alert if var.alerts.enabled && contains(keys(local.filters), name) }

  project               = var.project
  display_name          = "${var.name}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.alerts.channels
  user_labels           = var.labels

  documentation {
    content = each.value.text
  }

  conditions {
    display_name = each.key
    condition_threshold {
      filter                  = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.this[each.key].name}\""
      comparison              = "COMPARISON_GT"
      threshold_value         = 0
      duration                = each.value.duration
      evaluation_missing_data = each.value.duration == "0s" ? null : "EVALUATION_MISSING_DATA_INACTIVE"
      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}
