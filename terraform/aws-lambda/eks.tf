locals {
  # The provider works in one account and region. Entries elsewhere are made there.
  own_eks = { for e in local.eks : e.name => e if !can(coalesce(e.roleARN)) && try(coalesce(e.region), local.region) == local.region }
  far_eks = [for e in local.eks : e if !contains(keys(local.own_eks), e.name) || !var.create_access_entries]
}

# The role is a member of a Kubernetes group, and of no access policy of EKS: what it
# may do is what RBAC binds to the group.
resource "aws_eks_access_entry" "this" {
  for_each = { for name, e in local.own_eks : name => e if var.create_access_entries }

  cluster_name      = each.key
  principal_arn     = aws_iam_role.function.arn
  kubernetes_groups = [var.kubernetes_group]
  type              = "STANDARD"
  tags              = var.tags
}
