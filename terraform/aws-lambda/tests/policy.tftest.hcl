# The rights are computed by the module itself, so that a mocked provider proves them.
mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  package = { s3_bucket = "builds", s3_key = "packetboat.zip" }
}

run "every_kind_of_receiver" {
  variables {
    config = file("tests/testdata/everything.yaml")
    resource_arns = {
      msk        = "arn:aws:kafka:eu-central-1:111111111111:cluster/events/abc-1"
      search     = "arn:aws:es:eu-central-1:111111111111:domain/events"
      serverless = "arn:aws:aoss:eu-central-1:111111111111:collection/abc"
    }
    kms_key_arns = ["arn:aws:kms:eu-central-1:111111111111:key/queue"]
    vpc          = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = jsondecode(output.policy) == jsondecode(file("tests/testdata/everything.policy.json"))
    error_message = "the rights are not those of tests/testdata/everything.policy.json: ${output.policy}"
  }
  assert {
    condition     = aws_iam_role_policy.function.policy == output.policy
    error_message = "the role has other rights than the output says"
  }
}

run "nothing_but_a_webhook" {
  variables {
    config = file("tests/testdata/webhook.yaml")
  }

  assert {
    condition     = jsondecode(output.policy) == jsondecode(file("tests/testdata/webhook.policy.json"))
    error_message = "the rights are not those of tests/testdata/webhook.policy.json: ${output.policy}"
  }
}

run "a_fleet_of_clusters_in_one_function" {
  variables {
    config        = file("tests/testdata/clusters.yaml")
    create_bucket = false
    bucket_name   = "shared"
  }

  assert {
    condition     = jsondecode(output.policy) == jsondecode(file("tests/testdata/clusters.policy.json"))
    error_message = "the rights are not those of tests/testdata/clusters.policy.json: ${output.policy}"
  }
  assert {
    condition     = keys(aws_eks_access_entry.this) == ["one"]
    error_message = "only the cluster of this account and region has its access entry made here"
  }
  assert {
    condition = output.access_entry_commands == [
      "aws eks create-access-entry --cluster-name two --region eu-west-1 --principal-arn arn:aws:iam::111111111111:role/packetboat-function --kubernetes-groups packetboat",
      "aws eks create-access-entry --cluster-name three --region eu-central-1 --principal-arn arn:aws:iam::333333333333:role/reader --kubernetes-groups packetboat",
    ]
    error_message = "commands for the other clusters: ${join("\n", output.access_entry_commands)}"
  }
}

run "a_name_with_a_variable" {
  command = plan
  variables {
    config = "receivers: [{name: a, kinesis: {streamName: \"$${STREAM}\"}}]"
  }
  expect_failures = [aws_iam_role_policy.function]
}

run "a_cluster_without_its_arn" {
  command = plan
  variables {
    config = file("tests/testdata/everything.yaml")
  }
  expect_failures = [aws_iam_role_policy.function]
}

run "a_secret_without_its_arn" {
  command = plan
  variables {
    config = "receivers: [{name: a, webhook: {endpoint: \"awssm:hook#url\"}}]"
  }
  expect_failures = [aws_iam_role_policy.function]
}

run "the_name_of_a_file" {
  command = plan
  variables {
    config = "config.yaml"
  }
  expect_failures = [var.config]
}
