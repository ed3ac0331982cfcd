# What the function may do in its clusters, for `kubectl apply -f -`. It is what the
# README of the repository and of core/enrich name; `packetboat rbac` prints it too.
locals {
  namespaces = can(coalesce(local.config.namespace)) ? [local.config.namespace] : try([for n in local.config.source.namespaces : n], [])
  lookup = var.lookup != null ? var.lookup : try(local.config.omitLookup, false) ? {} : {
    ""    = ["nodes", "persistentvolumeclaims", "pods", "services"]
    apps  = ["daemonsets", "deployments", "replicasets", "statefulsets"]
    batch = ["cronjobs", "jobs"]
  }
  lookup_rules = [for group, resources in local.lookup : { apiGroups = [group], resources = resources, verbs = ["get", "list"] }]
  events       = { apiGroups = [""], resources = ["events"], verbs = ["list", "watch"] }

  # The marker is in the one namespace that is read, else in default. Terraform reads off as false.
  marker = {
    namespace = length(local.namespaces) == 1 ? local.namespaces[0] : "default"
    rules     = contains(["off", "false"], try(tostring(local.config.source.marker), "auto")) ? [] : [{ apiGroups = [""], resources = ["events"], verbs = ["get", "create", "patch"] }]
  }

  cluster_rules = concat(
    length(local.namespaces) == 0 ? [local.events] : [],
    [{ apiGroups = [""], resources = ["namespaces"], resourceNames = ["kube-system"], verbs = ["get"] }],
    local.lookup_rules,
  )
  namespace_rules = merge(
    length(local.marker.rules) == 0 ? {} : { (local.marker.namespace) = local.marker.rules },
    { for n in local.namespaces : n => concat([local.events], n == local.marker.namespace ? local.marker.rules : []) },
  )

  rbac_api = "rbac.authorization.k8s.io"
  subjects = [{ kind = "User", name = google_service_account.function.email, apiGroup = local.rbac_api }]
  rbac = concat(
    [
      { apiVersion = "${local.rbac_api}/v1", kind = "ClusterRole", metadata = { name = var.name }, rules = local.cluster_rules },
      {
        apiVersion = "${local.rbac_api}/v1"
        kind       = "ClusterRoleBinding"
        metadata   = { name = var.name }
        roleRef    = { apiGroup = local.rbac_api, kind = "ClusterRole", name = var.name }
        subjects   = local.subjects
      },
    ],
    flatten([for namespace, rules in local.namespace_rules : [
      { apiVersion = "${local.rbac_api}/v1", kind = "Role", metadata = { name = var.name, namespace = namespace }, rules = rules },
      {
        apiVersion = "${local.rbac_api}/v1"
        kind       = "RoleBinding"
        metadata   = { name = var.name, namespace = namespace }
        roleRef    = { apiGroup = local.rbac_api, kind = "Role", name = var.name }
        subjects   = local.subjects
      },
    ]]),
  )
}
