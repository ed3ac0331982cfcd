# What the function may do: exactly what its configuration makes it do. Grants with
# one sid become one statement.
locals {
  s3_arn = "${local.aws}:s3:::"

  # ListBucket lets a missing checkpoint answer 404, which is a first run, and not 403.
  checkpoint_grants = flatten([for c in local.s3_checkpoints : [
    { sid = "Checkpoint", actions = ["s3:GetObject", "s3:PutObject"], resource = "${local.s3_arn}${c.bucket}/${c.key}" },
    { sid = "CheckpointBucket", actions = ["s3:ListBucket"], resource = "${local.s3_arn}${c.bucket}" },
  ] if !can(coalesce(c.accessKeyID))])

  dead_letter_grants = [for d in local.s3_dead_letters : {
    sid      = "DeadLetters"
    actions  = ["s3:PutObject"]
    resource = "${local.s3_arn}${d.bucket}/${try(coalesce(d.prefix), "packetboat-dead-letters")}/*"
  } if !can(coalesce(d.accessKeyID))]

  config_grants = local.inline_config ? [] : [
    { sid = "Configuration", actions = ["s3:GetObject"], resource = "${local.s3_arn}${local.bucket}/${local.config_key}" },
  ]

  # A role in a cluster's account describes the cluster itself.
  eks_grants = [for e in local.eks : {
    sid      = "EKS"
    actions  = ["eks:DescribeCluster"]
    resource = "${local.aws}:eks:${try(coalesce(e.region), local.region)}:${local.account}:cluster/${e.name}"
  } if !can(coalesce(e.roleARN))]

  roles = distinct(concat([for s in local.sinks : s.role if s.role != ""], [for e in local.eks : e.roleARN if can(coalesce(e.roleARN))]))

  role_grants = [for role in local.roles : { sid = "AssumeRoles", actions = ["sts:AssumeRole"], resource = role }]

  # An ARN may be given without the six characters that Secrets Manager puts behind the name.
  secret_grants = concat(
    flatten([for arn in local.secrets : [for end in ["", "-??????"] : { sid = "Secrets", actions = ["secretsmanager:GetSecretValue"], resource = "${arn}${end}" }]]),
    [for arn in local.parameters : { sid = "Parameters", actions = ["ssm:GetParameter"], resource = arn }],
  )

  kms_keys = distinct(concat(
    var.kms_key_arns,
    [for arn in [var.kms_key_arn] : arn if arn != null],
    [for s in concat(local.s3_checkpoints, local.s3_dead_letters, [for a in local.direct.s3 : a.c]) : s.sse.kmsKeyID if can(regex("^arn:", s.sse.kmsKeyID))],
  ))
  kms_grants = [for arn in local.kms_keys : { sid = "KMS", actions = ["kms:Decrypt", "kms:GenerateDataKey"], resource = arn }]

  log_grants = [{ sid = "Log", actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resource = "${local.aws}:logs:${local.region}:${local.account}:log-group:${local.log_group}:*" }]

  queue_grants = [{ sid = "FailedInvocations", actions = ["sqs:SendMessage"], resource = aws_sqs_queue.failed.arn }]

  # Lambda makes the network interfaces with the function's role, before there is a name for them.
  vpc_grants = var.vpc == null ? [] : [{
    sid = "VPC"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ]
    resource = "*"
  }]

  grants = concat(
    local.checkpoint_grants, local.config_grants, local.dead_letter_grants, local.eks_grants, local.kms_grants, local.log_grants,
    local.queue_grants, local.receiver_grants, local.role_grants, local.secret_grants, local.vpc_grants,
  )
  by_sid = { for g in local.grants : g.sid => g... }

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([for sid, grants in local.by_sid : {
      Sid      = sid
      Effect   = "Allow"
      Action   = grants[0].actions
      Resource = sort(distinct(grants[*].resource))
    }], var.additional_statements)
  })

  # A name with a variable in it cannot become a resource of a policy.
  not_in_full = distinct([for g in local.grants : g.resource if strcontains(g.resource, "$${")])
}
