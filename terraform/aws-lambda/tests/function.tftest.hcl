mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { s3_bucket = "builds", s3_key = "packetboat.zip" }
  config  = file("tests/testdata/webhook.yaml")
}

run "a_job_that_repairs_itself" {
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0
    error_message = "the next run goes on from the checkpoint: Lambda must not make a failed one again"
  }
  assert {
    condition     = aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == aws_sqs_queue.failed.arn
    error_message = "a failed invocation goes to the queue"
  }
  assert {
    condition     = aws_scheduler_schedule.this.schedule_expression == "rate(4 minutes)" && aws_scheduler_schedule.this.flexible_time_window[0].mode == "OFF"
    error_message = "runs are 4 minutes apart, before the API server compacts"
  }
  assert {
    condition     = aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts <= 1 && aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_event_age_in_seconds < 240
    error_message = "an invocation that could not be made is not made after the next one"
  }
  assert {
    condition     = aws_scheduler_schedule.this.target[0].dead_letter_config[0].arn == aws_sqs_queue.failed.arn
    error_message = "an invocation that could not be made goes to the queue"
  }
  assert {
    condition     = aws_lambda_function.this.timeout < 240 && aws_lambda_function.this.timeout > 120
    error_message = "the timeout is above delivery.retry.budget and below the interval"
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 1
    error_message = "one run at a time"
  }
  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "provided.al2023 on arm64"
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_format == "JSON" && aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "the log is JSON, in the group that ends"
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.scheduler.policy).Statement[*].Resource == [[aws_lambda_function.this.arn], [aws_sqs_queue.failed.arn]]
    error_message = "the scheduler may invoke this function and nothing else"
  }
  assert {
    condition     = jsondecode(aws_iam_role.scheduler.assume_role_policy).Statement[0].Condition.StringEquals == { "aws:SourceAccount" = "111111111111", "aws:SourceArn" = aws_scheduler_schedule_group.this.arn }
    error_message = "only schedules of this group may take the role"
  }
}

run "a_bucket_that_is_safe" {
  assert {
    condition     = aws_s3_bucket.this[0].bucket == "packetboat-111111111111-eu-central-1" && !aws_s3_bucket.this[0].force_destroy
    error_message = "one bucket, which is not deleted with a checkpoint in it"
  }
  assert {
    condition     = aws_s3_bucket_versioning.this[0].versioning_configuration[0].status == "Enabled"
    error_message = "versioned"
  }
  assert {
    condition     = alltrue([for b in [aws_s3_bucket_public_access_block.this[0]] : b.block_public_acls && b.block_public_policy && b.ignore_public_acls && b.restrict_public_buckets])
    error_message = "private"
  }
  assert {
    condition     = jsondecode(aws_s3_bucket_policy.this[0].policy).Statement[0].Effect == "Deny" && jsondecode(aws_s3_bucket_policy.this[0].policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "TLS only"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].noncurrent_days == 7
    error_message = "a checkpoint's old versions end"
  }
  assert {
    condition     = aws_sqs_queue.failed.sqs_managed_sse_enabled && aws_sqs_queue.failed.message_retention_seconds == 1209600
    error_message = "the queue is encrypted and keeps its messages for 14 days"
  }
}

run "the_configuration_goes_into_the_environment" {
  assert {
    condition = aws_lambda_function.this.environment[0].variables == tomap({
      CONFIG_SHA256         = sha256(var.config)
      PACKETBOAT_CONFIG     = var.config
      PACKETBOAT_CHECKPOINT = "s3:packetboat-111111111111-eu-central-1/packetboat/checkpoint.json"
    })
    error_message = "the environment: ${jsonencode(aws_lambda_function.this.environment[0].variables)}"
  }
  assert {
    condition     = length(aws_s3_object.config) == 0
    error_message = "no object is needed"
  }
}

run "a_large_configuration_goes_into_the_bucket" {
  variables {
    config = "${file("tests/testdata/webhook.yaml")}#${join("", [for i in range(400) : "12345678"])}\n"
  }
  assert {
    condition     = aws_lambda_function.this.environment[0].variables["PACKETBOAT_CONFIG_FILE"] == "s3://packetboat-111111111111-eu-central-1/packetboat/config.yaml" && !contains(keys(aws_lambda_function.this.environment[0].variables), "PACKETBOAT_CONFIG")
    error_message = "the function is told where it is"
  }
  assert {
    condition     = aws_s3_object.config[0].content == var.config && aws_s3_object.config[0].key == "packetboat/config.yaml"
    error_message = "it is there"
  }
  assert {
    condition     = contains(flatten([for s in jsondecode(output.policy).Statement : s.Resource if s.Sid == "Configuration"]), "arn:aws:s3:::packetboat-111111111111-eu-central-1/packetboat/config.yaml")
    error_message = "the function may read it"
  }
}

run "an_account_with_a_low_limit" {
  variables {
    reserved_concurrency = null
  }
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "nothing is reserved"
  }
}

run "in_a_vpc" {
  variables {
    vpc = { subnet_ids = ["subnet-1", "subnet-2"], security_group_ids = ["sg-1"] }
  }
  assert {
    condition     = aws_lambda_function.this.vpc_config[0].subnet_ids == toset(["subnet-1", "subnet-2"])
    error_message = "the function is in the subnets"
  }
}

run "encrypted_with_a_key" {
  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111111111111:key/bucket"
  }
  assert {
    condition = alltrue([
      for r in aws_s3_bucket_server_side_encryption_configuration.this[0].rule :
      r.bucket_key_enabled && r.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" && r.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    ])
    error_message = "the bucket is encrypted with the key"
  }
  assert {
    condition     = contains(flatten([for s in jsondecode(output.policy).Statement : s.Resource if s.Sid == "KMS"]), var.kms_key_arn)
    error_message = "the function may use the key"
  }
}

run "a_timeout_beyond_the_next_run" {
  command = plan
  variables {
    timeout = 300
  }
  expect_failures = [check.the_timeout_ends_before_the_next_run]
}

run "an_environment_that_is_too_large" {
  command = plan
  variables {
    environment = { BIG = join("", [for i in range(600) : "12345678"]) }
  }
  expect_failures = [aws_lambda_function.this]
}

run "wrong_variables" {
  command = plan
  variables {
    name                 = "Packet_Boat"
    package              = { s3_bucket = "builds" }
    architecture         = "amd64"
    scheduler_retries    = 5
    timeout              = 1000
    queue_retention_days = 30
    alarms               = { minutes_owed = 7 }
  }
  expect_failures = [var.name, var.package, var.architecture, var.scheduler_retries, var.timeout, var.queue_retention_days, var.alarms]
}
