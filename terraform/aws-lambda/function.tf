locals {
  log_group = "/aws/lambda/${var.name}"
}

# Made before the function, which would make it without a retention.
resource "aws_cloudwatch_log_group" "this" {
  name              = local.log_group
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "function" {
  name                 = "${var.name}-function"
  description          = "packetboat: what ${var.name} may do"
  permissions_boundary = var.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name   = "packetboat"
  role   = aws_iam_role.function.id
  policy = local.policy

  lifecycle {
    precondition {
      condition     = length(local.not_in_full) == 0
      error_message = "config: write the names of what receivers send to in full, because a variable cannot become a right: ${join(", ", local.not_in_full)}"
    }
    precondition {
      condition     = length(local.without_arn) == 0
      error_message = "resource_arns: the configuration has only addresses of what these receivers send to, name the ARN of each MSK cluster, OpenSearch domain or collection: ${join(", ", local.without_arn)}"
    }
    precondition {
      condition     = local.unnamed == 0
      error_message = "config: name secrets by their ARN, awssm:arn:...#key: a name alone cannot become a right."
    }
  }
}

resource "aws_lambda_function" "this" {
  function_name = var.name
  description   = "packetboat: delivers Kubernetes events, one run each"
  role          = aws_iam_role.function.arn

  runtime       = "provided.al2023"
  handler       = "bootstrap"
  architectures = [var.architecture]
  memory_size   = var.memory
  timeout       = var.timeout

  filename          = var.package.filename
  s3_bucket         = var.package.s3_bucket
  s3_key            = var.package.s3_key
  s3_object_version = var.package.s3_object_version
  source_code_hash  = var.package.filename == null || var.package.source_code_hash != null ? var.package.source_code_hash : filebase64sha256(var.package.filename)

  # -1 reserves none.
  reserved_concurrent_executions = var.reserved_concurrency == null ? -1 : var.reserved_concurrency

  environment {
    variables = local.environment
  }

  # packetboat writes JSON itself; what Lambda adds is then JSON too.
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  dynamic "vpc_config" {
    for_each = var.vpc == null ? [] : [var.vpc]
    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6
    }
  }

  tags = var.tags

  # Without its rights the first run would fail.
  depends_on = [aws_iam_role_policy.function]

  lifecycle {
    precondition {
      condition     = sum([for k, v in local.environment : length(k) + length(v)]) <= 4096
      error_message = "environment: Lambda takes 4 KB of variables in all; put less into environment."
    }
  }
}

# Invocations are asynchronous. One that failed is not made again: the next run goes
# on from the checkpoint. One that Lambda could not begin is dropped before the next but one.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 300

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed.arn
    }
  }

  # Lambda checks that the role may send to the queue.
  depends_on = [aws_iam_role_policy.function]
}

# Invocations that failed, with their error, and those that Scheduler could not make.
resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-failed"
  message_retention_seconds = var.queue_retention_days * 24 * 3600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}
