# The text is applied to a real API server in terraform_test.go.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { s3_bucket = "builds", s3_key = "packetboat.zip" }
}

run "all_namespaces" {
  variables {
    config = file("tests/testdata/webhook.yaml")
  }
  assert {
    condition     = [for o in split("---\n", output.rbac_yaml) : "${yamldecode(o).kind} ${try(yamldecode(o).metadata.namespace, "")}"] == ["ClusterRole ", "ClusterRoleBinding ", "Role default", "RoleBinding default"]
    error_message = "the objects are others: ${output.rbac_yaml}"
  }
  assert {
    condition     = yamldecode(split("---\n", output.rbac_yaml)[0]).rules[0] == { apiGroups = [""], resources = ["events"], verbs = ["list", "watch"] }
    error_message = "events of all namespaces are read"
  }
  assert {
    condition     = aws_eks_access_entry.this["production"].kubernetes_groups == toset([yamldecode(split("---\n", output.rbac_yaml)[1]).subjects[0].name])
    error_message = "the access entry's group is the one that is bound"
  }
}

run "one_namespace_no_marker_no_lookup" {
  variables {
    config = "namespace: shop\nomitLookup: true\nsource: {marker: off}\nreceivers: []"
  }
  assert {
    condition     = yamldecode(split("---\n", output.rbac_yaml)[0]).rules == [{ apiGroups = [""], resourceNames = ["kube-system"], resources = ["namespaces"], verbs = ["get"] }]
    error_message = "nothing cluster-wide but the cluster's identity: ${output.rbac_yaml}"
  }
  assert {
    condition     = yamldecode(split("---\n", output.rbac_yaml)[2]).rules == [{ apiGroups = [""], resources = ["events"], verbs = ["list", "watch"] }]
    error_message = "events of the namespace: ${output.rbac_yaml}"
  }
}
