# What the module reads out of the configuration.
locals {
  config = yamldecode(var.config)

  receivers = try([for r in local.config.receivers : r if can(r.name)], [])
  clusters  = concat([try(local.config.cluster, {})], try([for c in local.config.clusters : c.cluster], []))
  gke       = [for c in local.clusters : c.gke if can(c.gke.name)]

  # What says for itself where its checkpoint is, is left alone.
  own_checkpoint    = can(keys(local.config.checkpoint)) || can(local.config.clusters[0])
  common_checkpoint = local.own_checkpoint ? [for c in [try(local.config.checkpoint.gcs, null)] : c if c != null] : [{ bucket = local.bucket, object = var.checkpoint_object }]
  # Of several clusters each has its own, or one beside the common one.
  gcs_checkpoints = !can(local.config.clusters[0]) ? local.common_checkpoint : flatten([for c in local.config.clusters :
    can(keys(c.checkpoint)) ? [for s in [try(c.checkpoint.gcs, null)] : s if s != null] : [for s in local.common_checkpoint : merge(s, { object = replace(s.object, "/^(.*?)(\\.[^./]*)?$/", "$1-${c.name}$2") })]
  ])
  # A part of a split cluster has one beside that of the whole. After a change of their number it looks at those of the former split.
  shards           = try(tonumber(regex("/([0-9]+)$", var.environment.PACKETBOAT_SHARD)[0]), 0)
  gcs_dead_letters = [for d in [try(local.config.deadLetter.gcs, null)] : d if d != null]

  # Cloud Run takes 32 KiB in a variable; base64 counts bytes, length characters.
  inline_config = length(base64encode(var.config)) * 3 / 4 <= 16384
  config_object = "${var.name}/config.yaml"

  environment = merge(
    {
      # A changed configuration is another revision, so that no warm instance goes on with the old one.
      CONFIG_SHA256 = sha256(var.config)
      # Google does not tell a request's deadline.
      PACKETBOAT_TIMEOUT = "${var.timeout - 10}s"
    },
    local.inline_config ? { PACKETBOAT_CONFIG = var.config } : { PACKETBOAT_CONFIG_FILE = "gs://${local.bucket}/${local.config_object}" },
    local.own_checkpoint ? {} : { PACKETBOAT_CHECKPOINT = "gcs:${local.bucket}/${var.checkpoint_object}" },
    var.environment,
  )

  # References to secrets, wherever they stand: in any field, or in a variable that a field names.
  text = join("\n", concat([var.config], values(var.environment)))
  regional_secrets = { for m in distinct(regexall("gcpsm:projects/([a-z0-9:.-]+)/locations/([a-z0-9-]+)/secrets/([A-Za-z0-9_-]+)", local.text)) :
  "${m[0]}/${m[1]}/${m[2]}" => { project = m[0], location = m[1], secret = m[2] } }
  secrets = { for m in distinct(regexall("gcpsm:projects/([a-z0-9:.-]+)/secrets/([A-Za-z0-9_-]+)", local.text)) :
  "${m[0]}/${m[1]}" => { project = m[0], secret = m[1] } }
  unnamed = length(regexall("gcpsm:", local.text)) - length(regexall("gcpsm:projects/[a-z0-9:.-]+(?:/locations/[a-z0-9-]+)?/secrets/[A-Za-z0-9_-]+", local.text))
}
