# What the patterns match is tested against Reports in terraform_test.go.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { s3_bucket = "builds", s3_key = "packetboat.zip" }
  config  = file("tests/testdata/webhook.yaml")
  alarms  = { topic_arns = ["arn:aws:sns:eu-central-1:111111111111:oncall"], minutes_without_success = 30 }
}

run "alarms" {
  assert {
    condition     = join(" ", output.alarm_names) == join(" ", [for a in ["dead-lettered", "errors", "gap", "lost", "no-success", "owed", "queue", "reset"] : "packetboat-${a}"])
    error_message = "the alarms: ${join(", ", output.alarm_names)}"
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.this : a.alarm_actions == toset(var.alarms.topic_arns)])
    error_message = "all tell the topic"
  }
  assert {
    condition     = alltrue([for name, a in aws_cloudwatch_metric_alarm.this : a.treat_missing_data == (name == "no-success" ? "breaching" : "notBreaching")])
    error_message = "no data is no success, and nothing else"
  }
  assert {
    condition = alltrue([for a in [aws_cloudwatch_metric_alarm.this["no-success"]] :
    a.comparison_operator == "LessThanThreshold" && a.threshold == 1 && a.evaluation_periods * a.period == 1800])
    error_message = "less than one success in each 5 of 30 minutes"
  }
  assert {
    condition = alltrue([for a in [aws_cloudwatch_metric_alarm.this["owed"]] :
    a.statistic == "Maximum" && a.comparison_operator == "GreaterThanThreshold" && a.threshold == 0 && a.evaluation_periods * a.period == 1200])
    error_message = "something is owed in each 5 of 20 minutes"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["queue"].dimensions == tomap({ QueueName = aws_sqs_queue.failed.name }) && aws_cloudwatch_metric_alarm.this["errors"].dimensions == tomap({ FunctionName = aws_lambda_function.this.function_name })
    error_message = "AWS's own metrics are those of this queue and function"
  }
  assert {
    condition = alltrue([for a in aws_cloudwatch_metric_alarm.this :
    a.namespace != "packetboat/packetboat" || contains([for f in aws_cloudwatch_log_metric_filter.this : f.metric_transformation[0].name], a.metric_name)])
    error_message = "every alarm has a filter that makes its metric"
  }
}

run "no_alarms" {
  variables {
    alarms = { enabled = false }
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) + length(aws_cloudwatch_log_metric_filter.this) == 0
    error_message = "neither alarms nor filters, which cost money"
  }
}

run "a_name_that_no_filter_can_have" {
  command = plan
  variables {
    config = "receivers: [{name: on call, webhook: {endpoint: \"https://hook.example.com\"}}]"
  }
  expect_failures = [check.every_receiver_has_its_filters]
}
