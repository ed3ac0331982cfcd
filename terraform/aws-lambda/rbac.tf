# The script asks packetboat itself what the configuration needs, so that there is one truth.
locals {
  # What the command has no use for, or is told by flags.
  rbac_environment = { for name, value in local.environment : name => value if !startswith(name, "PACKETBOAT_") && name != "CONFIG_SHA256" }
  rbac_flags = concat(
    ["--service-account", var.name, "--group", var.kubernetes_group],
    can(local.environment.PACKETBOAT_CHECKPOINT) ? ["--checkpoint", local.environment.PACKETBOAT_CHECKPOINT] : [],
    local.shards > 1 ? ["--shards", tostring(local.shards)] : [],
    var.lookup_kinds == null ? [] : ["--kinds", join(",", var.lookup_kinds)],
  )

  # In single quotes a shell takes everything as it is, but for single quotes.
  rbac_script = <<-EOT
    #!/bin/sh
    # Prints what the function may do in a cluster, for kubectl apply -f -. Of several
    # clusters the first argument names one.
    set -eu
    config=$(mktemp)
    trap 'rm -f "$config"' EXIT
    echo '${base64encode(var.config)}' | base64 -d >"$config"
    ${join("", [for name, value in local.rbac_environment : "export ${name}='${replace(value, "'", "'\\''")}'\n"])}packetboat rbac --config "$config" $${1:+--cluster-name "$1"} ${join(" ", [for flag in local.rbac_flags : "'${replace(flag, "'", "'\\''")}'"])}
  EOT
}
