# What the module reads out of the configuration.
locals {
  config = yamldecode(var.config)

  receivers = try([for r in local.config.receivers : r if can(r.name)], [])
  clusters  = concat([try(local.config.cluster, {})], try([for c in local.config.clusters : c.cluster], []))
  eks       = [for c in local.clusters : c.eks if can(c.eks.name)]

  # What says for itself where its checkpoint is, is left alone.
  own_checkpoint    = can(keys(local.config.checkpoint)) || can(local.config.clusters[0])
  common_checkpoint = local.own_checkpoint ? [for c in [try(local.config.checkpoint.s3, null)] : c if c != null] : [{ bucket = local.bucket, key = var.checkpoint_key }]
  # Of several clusters each has its own, or one beside the common one.
  whole_checkpoints = !can(local.config.clusters[0]) ? local.common_checkpoint : flatten([for c in local.config.clusters :
    can(keys(c.checkpoint)) ? [for s in [try(c.checkpoint.s3, null)] : s if s != null] : [for s in local.common_checkpoint : merge(s, { key = replace(s.key, local.before_extension, "$1-${c.name}$2") })]
  ])
  # A part of a split cluster has one beside that of the whole. After a change of their number it looks at those of the former split.
  shards         = try(tonumber(regex("/([0-9]+)$", var.environment.PACKETBOAT_SHARD)[0]), 0)
  s3_checkpoints = concat(local.whole_checkpoints, local.shards > 1 ? [for s in local.whole_checkpoints : merge(s, { key = replace(s.key, local.before_extension, "$1-shard-*$2") })] : [])
  # Two groups: a name, and what it ends with from its last dot on.
  before_extension = "/^(.*?)(\\.[^./]*)?$/"
  s3_dead_letters  = [for d in [try(local.config.deadLetter.s3, null)] : d if d != null]

  # Lambda has 4 KB for all variables together, of which some room is left to the others.
  # base64 counts bytes, length characters.
  inline_config = length(base64encode("${var.config}${jsonencode(var.environment)}")) * 3 / 4 <= 3072
  config_key    = "${var.name}/config.yaml"

  environment = merge(
    {
      # A changed configuration is another environment, so that no warm function goes on with the old one.
      CONFIG_SHA256 = sha256(var.config)
    },
    local.inline_config ? { PACKETBOAT_CONFIG = var.config } : { PACKETBOAT_CONFIG_FILE = "s3://${local.bucket}/${local.config_key}" },
    local.own_checkpoint ? {} : { PACKETBOAT_CHECKPOINT = "s3:${local.bucket}/${var.checkpoint_key}" },
    var.environment,
  )

  # References to secrets, wherever they stand: in any field, or in a variable that a field names.
  text    = join("\n", concat([var.config], values(var.environment)))
  secrets = distinct([for m in regexall("awssm:(arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+)", local.text) : m[0]])
  parameters = distinct(concat(
    [for m in regexall("\\bssm:(/[A-Za-z0-9_./-]+)", local.text) : "${local.aws}:ssm:${local.region}:${local.account}:parameter${m[0]}"],
    [for m in regexall("\\bssm:(arn:[a-z-]+:ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9_./-]+)", local.text) : m[0]],
  ))
  unnamed = length(regexall("awssm:", local.text)) - length(regexall("awssm:arn:", local.text))
}
