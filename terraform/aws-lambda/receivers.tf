# What each receiver needs: its README's section on permissions, with the names that
# the configuration has. A grant is {sid, actions, resource}.
locals {
  kinds = ["cloudwatch", "eventbridge", "firehose", "kafka", "kinesis", "opensearch", "opscenter", "s3", "sns", "sqs"]

  # Kafka and OpenSearch are AWS's only if the configuration says so.
  sinks = [for s in flatten([
    for r in local.receivers : [for kind in local.kinds : {
      receiver = r.name
      kind     = kind
      c        = r[kind]
      role     = try(coalesce(r[kind].assumeRole.roleARN), coalesce(r.kafka.sasl.aws.assumeRole.roleARN), "")
      keys     = can(coalesce(r[kind].accessKeyID)) || can(coalesce(r.kafka.sasl.aws.accessKeyID))
      region   = try(coalesce(r[kind].region), local.region)
      arn      = lookup(var.resource_arns, r.name, "")
    } if can(keys(r[kind]))]
  ]) : s if(s.kind != "kafka" || try(s.c.sasl.mechanism == "aws-msk-iam", false)) && (s.kind != "opensearch" || can(coalesce(s.c.awsService)))]

  # Who assumes a role has that role's rights, who has keys of its own has theirs.
  direct = { for kind in local.kinds : kind => [for s in local.sinks : s if s.kind == kind && s.role == "" && !s.keys] }

  aws = "arn:${local.partition}"

  cloudwatch_grants = flatten([for s in local.direct.cloudwatch : [for action, wanted in { PutLogEvents = true, CreateLogStream = try(s.c.createLogStream, false) } : {
    sid      = "CloudWatch${action}"
    actions  = ["logs:${action}"]
    resource = "${local.aws}:logs:${s.region}:${local.account}:log-group:${s.c.logGroupName}:*"
  } if wanted]])

  eventbridge_grants = [for s in local.direct.eventbridge : {
    sid      = "EventBridge"
    actions  = ["events:PutEvents"]
    resource = startswith(try(s.c.eventBusName, ""), "arn:") ? s.c.eventBusName : "${local.aws}:events:${s.region}:${local.account}:event-bus/${try(coalesce(s.c.eventBusName), "default")}"
  }]

  firehose_grants = [for s in local.direct.firehose : {
    sid      = "Firehose"
    actions  = ["firehose:PutRecordBatch"]
    resource = "${local.aws}:firehose:${s.region}:${local.account}:deliverystream/${s.c.deliveryStreamName}"
  }]

  # A topic that is a template can be any of the cluster's.
  kafka_grants = flatten([for s in local.direct.kafka : [
    { sid = "KafkaCluster", actions = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"], resource = s.arn },
    {
      sid      = "KafkaTopic"
      actions  = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
      resource = "${replace(s.arn, ":cluster/", ":topic/")}/${strcontains(s.c.topic, "{{") ? "*" : s.c.topic}"
    },
  ]])

  kinesis_grants = [for s in local.direct.kinesis : {
    sid      = "Kinesis"
    actions  = ["kinesis:PutRecords"]
    resource = try(coalesce(s.c.streamARN), "${local.aws}:kinesis:${s.region}:${local.account}:stream/${s.c.streamName}")
  }]

  opensearch_grants = [for s in local.direct.opensearch : {
    sid      = s.c.awsService == "aoss" ? "OpenSearchServerless" : "OpenSearch"
    actions  = [s.c.awsService == "aoss" ? "aoss:APIAccessAll" : "es:ESHttpPost"]
    resource = s.c.awsService == "aoss" ? s.arn : "${s.arn}/*"
  }]

  # An item has no name before it is there.
  opscenter_grants = flatten([for s in local.direct.opscenter : [for action, wanted in { CreateOpsItem = true, AddTagsToResource = can(keys(s.c.tags)) } : {
    sid      = "OpsCenter${action}"
    actions  = ["ssm:${action}"]
    resource = action == "CreateOpsItem" ? "*" : "${local.aws}:ssm:${s.region}:${local.account}:opsitem/*"
  } if wanted]])

  # Of a prefix that is a template, what stands before the first field.
  s3_grants = [for s in local.direct.s3 : {
    sid      = "S3Archive"
    actions  = ["s3:PutObject"]
    resource = "${local.aws}:s3:::${s.c.bucket}/${strcontains(try(coalesce(s.c.prefix), ""), "{{") ? split("{{", s.c.prefix)[0] : try("${trim(coalesce(s.c.prefix), "/")}/", "")}*"
  }]

  sns_grants = [for s in local.direct.sns : { sid = "SNS", actions = ["sns:Publish"], resource = s.c.topicARN }]

  # A queue by its URL is not looked up: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
  sqs_grants = flatten([for s in local.direct.sqs : [for action in can(coalesce(s.c.queueURL)) ? ["SendMessage"] : ["SendMessage", "GetQueueUrl"] : {
    sid     = "SQS${action}"
    actions = ["sqs:${action}"]
    resource = can(coalesce(s.c.queueURL)) ? join(":", concat([local.aws, "sqs", try(regex("^https://sqs\\.([a-z0-9-]+)\\.", s.c.queueURL)[0], s.region)], slice(split("/", s.c.queueURL), 3, 5))) : (
      "${local.aws}:sqs:${s.region}:${try(coalesce(s.c.accountID), local.account)}:${s.c.queueName}"
    )
  }]])

  receiver_grants = concat(
    local.cloudwatch_grants, local.eventbridge_grants, local.firehose_grants, local.kafka_grants, local.kinesis_grants,
    local.opensearch_grants, local.opscenter_grants, local.s3_grants, local.sns_grants, local.sqs_grants,
  )

  # What the module has to be told because the configuration has only addresses.
  without_arn = [for s in concat(local.direct.kafka, local.direct.opensearch) : s.receiver if s.arn == ""]
}
