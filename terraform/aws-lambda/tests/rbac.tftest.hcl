# The script is run in rbac_test.go.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { s3_bucket = "builds", s3_key = "packetboat.zip" }
  config  = file("tests/testdata/webhook.yaml")
}

run "the_group_of_the_access_entry_is_bound" {
  variables {
    kubernetes_group = "readers"
  }
  assert {
    condition     = strcontains(output.rbac_script, "'--group' 'readers'") && aws_eks_access_entry.this["production"].kubernetes_groups == toset(["readers"])
    error_message = "the access entry's group is the one that is bound: ${nonsensitive(output.rbac_script)}"
  }
}

run "parts_of_a_cluster" {
  variables {
    environment  = { PACKETBOAT_SHARD = "1/3" }
    lookup_kinds = []
  }
  assert {
    condition     = strcontains(output.rbac_script, "'--shards' '3'") && strcontains(output.rbac_script, "'--kinds' ''")
    error_message = "the rights of all parts: ${nonsensitive(output.rbac_script)}"
  }
  assert {
    condition     = [for s in jsondecode(output.policy).Statement : s.Resource if s.Sid == "Checkpoint"] == [["arn:aws:s3:::packetboat-111111111111-eu-central-1/packetboat/checkpoint-shard-*.json", "arn:aws:s3:::packetboat-111111111111-eu-central-1/packetboat/checkpoint.json"]]
    error_message = "the checkpoint of the whole and those of the parts: ${output.policy}"
  }
}

run "clusters_beside_one_checkpoint" {
  variables {
    config = <<-EOT
      checkpoint: {s3: {bucket: shared, key: a.b/checkpoint.v1.json}}
      clusters:
      - {name: one, cluster: {eks: {name: one}}}
      - {name: two, cluster: {eks: {name: two}}, checkpoint: {s3: {bucket: shared, key: two}}}
      receivers: [{name: hook, webhook: {endpoint: "ssm:arn:aws:ssm:eu-west-1:222222222222:parameter/shared/hook"}}]
    EOT
  }
  assert {
    condition     = [for s in jsondecode(output.policy).Statement : s.Resource if s.Sid == "Checkpoint"] == [["arn:aws:s3:::shared/a.b/checkpoint.v1-one.json", "arn:aws:s3:::shared/two"]]
    error_message = "each cluster's, and not the one that none has: ${output.policy}"
  }
  assert {
    condition     = [for s in jsondecode(output.policy).Statement : s.Resource if s.Sid == "Parameters"] == [["arn:aws:ssm:eu-west-1:222222222222:parameter/shared/hook"]]
    error_message = "a parameter by its ARN: ${output.policy}"
  }
}
