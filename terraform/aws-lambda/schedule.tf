locals {
  # What rate(...) means in seconds, 0 for cron(...).
  rate = try(
    tonumber(regex("^rate\\((\\d+) ", var.schedule)[0]) * { minute = 60, minutes = 60, hour = 3600, hours = 3600, day = 86400, days = 86400 }[regex("^rate\\(\\d+ ([a-z]+)\\)$", var.schedule)[0]],
    0,
  )
}

# A group of its own, so that the role below can be limited to it.
resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  name                = var.name
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "One run of packetboat"
  schedule_expression = var.schedule
  state               = var.schedule_enabled ? "ENABLED" : "DISABLED"

  # Runs belong apart: what one read, the next need not.
  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode(var.payload)

    # Of this alone, that Lambda takes the invocation; the run's own end is the function's.
    retry_policy {
      maximum_retry_attempts       = var.scheduler_retries
      maximum_event_age_in_seconds = 120
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed.arn
    }
  }

  depends_on = [aws_iam_role_policy.scheduler, aws_lambda_function_event_invoke_config.this]
}

resource "aws_iam_role" "scheduler" {
  name                 = "${var.name}-scheduler"
  description          = "packetboat: invokes ${var.name}"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  # Only for this account's schedules of this group.
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = {
        "aws:SourceAccount" = local.account
        "aws:SourceArn"     = aws_scheduler_schedule_group.this.arn
      } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "invoke"
  role = aws_iam_role.scheduler.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Invoke", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.this.arn] },
      { Sid = "Undelivered", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = [aws_sqs_queue.failed.arn] },
    ]
  })
}

check "the_timeout_ends_before_the_next_run" {
  assert {
    condition     = local.rate == 0 || var.timeout < local.rate
    error_message = "timeout: a run may take ${var.timeout} s and the next one begins after ${local.rate} s. The second would find the lease held and do nothing."
  }
}
