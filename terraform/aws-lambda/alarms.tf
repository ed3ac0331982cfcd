# The log has one line of JSON with the Report of every run. Metric filters make
# numbers of it, whatever the configuration's own metrics are.
locals {
  metrics = "packetboat/${var.name}"

  # A filter's selector has letters, digits, - and _.
  counted = [for r in local.receivers : r.name if can(regex("^[A-Za-z0-9_-]+$", r.name))]

  filters = merge(
    {
      caught-up = { metric = "CaughtUp", value = "1", pattern = "{ ($.msg = \"run ended\") && ($.report.caughtUp IS TRUE) && ($.report.dryRun NOT EXISTS) }" }
      gap       = { metric = "Gaps", value = "1", pattern = "{ $.report.gap.reason = \"*\" }" }
      reset     = { metric = "Resets", value = "1", pattern = "{ $.report.reset.reason = \"*\" }" }
    },
    # The receivers share a metric each: CloudWatch takes money for every one.
    [for name in local.counted : {
      for metric, field in { Owed = "owed", Lost = "lost", DeadLettered = "deadLettered" } :
      "${field}-${name}" => { metric = metric, value = "$.report.receivers.${name}.${field}", pattern = "{ $.report.receivers.${name}.${field} >= 0 }" }
    }]...
  )

  period = 300 # seconds; more than one run is in each
  lambda = { namespace = "AWS/Lambda", dimensions = { FunctionName = var.name } }
  queue  = { namespace = "AWS/SQS", dimensions = { QueueName = "${var.name}-failed" } }
  own    = { namespace = local.metrics, dimensions = {} }

  no_success_periods = var.alarms.minutes_without_success / 5
  owed_periods       = var.alarms.minutes_owed / 5

  # One alarm a line: after how many periods in a row, and what it means.
  alarms = {
    no-success    = merge(local.own, { metric = "CaughtUp", statistic = "Sum", below = 1, periods = local.no_success_periods, text = "No run has caught up for ${var.alarms.minutes_without_success} minutes. Beyond the clusters' event TTL events are lost." })
    errors        = merge(local.lambda, { metric = "Errors", statistic = "Sum", above = 0, periods = local.owed_periods, text = "Runs have failed for ${var.alarms.minutes_owed} minutes. What is owed is kept for the next one." })
    owed          = merge(local.own, { metric = "Owed", statistic = "Maximum", above = 0, periods = local.owed_periods, text = "For ${var.alarms.minutes_owed} minutes every run has left something owed to a receiver. The Report in the log says to which and why." })
    gap           = merge(local.own, { metric = "Gaps", statistic = "Sum", above = 0, periods = 1, text = "Events have expired in a cluster before a run read them: runs are further apart than the cluster keeps events." })
    reset         = merge(local.own, { metric = "Resets", statistic = "Sum", above = 0, periods = 1, text = "A cluster's history was rewritten; all that it retains was delivered again, under the same IDs." })
    lost          = merge(local.own, { metric = "Lost", statistic = "Sum", above = 0, periods = 1, text = "A receiver has refused events for good, and no dead letter store is configured. They are in the log." })
    dead-lettered = merge(local.own, { metric = "DeadLettered", statistic = "Sum", above = 0, periods = 1, text = "A receiver has refused events; they are stored as dead letters. packetboat redeliver sends them again." })
    queue         = merge(local.queue, { metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", above = 0, periods = 1, text = "An invocation failed or could not be made. The queue has it, with the error; empty it once the cause is mended." })
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = { for name, filter in local.filters : name => filter if var.alarms.enabled }

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = each.value.pattern

  metric_transformation {
    namespace = local.metrics
    name      = each.value.metric
    value     = each.value.value
  }

  lifecycle {
    precondition {
      condition     = length(local.filters) <= 100
      error_message = "alarms: CloudWatch takes 100 metric filters a log group, and each receiver needs 3. Have no more than 32 receivers in a function, or alarms = { enabled = false }."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if var.alarms.enabled }

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.text
  alarm_actions     = var.alarms.topic_arns
  ok_actions        = var.alarms.topic_arns

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = local.period
  evaluation_periods  = each.value.periods
  comparison_operator = can(each.value.below) ? "LessThanThreshold" : "GreaterThanThreshold"
  threshold           = can(each.value.below) ? each.value.below : each.value.above

  # Silence is what the first alarm is about, and good news for all others.
  treat_missing_data = can(each.value.below) ? "breaching" : "notBreaching"
  tags               = var.tags
}

check "every_receiver_has_its_filters" {
  assert {
    condition     = length(local.counted) == length(local.receivers)
    error_message = "alarms: what is owed to receivers whose names have other characters than letters, digits, - and _ is not counted, because a metric filter cannot name them: ${join(", ", setsubtract(local.receivers[*].name, local.counted))}"
  }
}
