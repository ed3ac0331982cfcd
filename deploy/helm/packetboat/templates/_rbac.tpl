{{/* Namespaces that are read, as a list; none is all. */}}
{{- define "packetboat.namespaces" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $read := .Values.rbac.namespaces }}
{{- if not $read }}
{{- $read = dig "source" "namespaces" list $said }}
{{- with get $said "namespace" }}{{ $read = list . }}{{ end }}
{{- range $read }}
{{- if contains "$" . }}
{{- fail (printf "the configuration reads namespace %s, which is a variable: name the namespaces in rbac.namespaces" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml (default list $read) }}
{{- end }}

{{/* Where the marker is written: as entrypoints/app decides it. Nothing if none is. */}}
{{- define "packetboat.markerNamespace" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $marker := dig "source" "marker" "auto" $said | toString }}
{{- if not (has $marker (list "off" "false")) }}
{{- $read := include "packetboat.namespaces" . | fromYamlArray }}
{{- if eq (len $read) 1 }}
{{- first $read }}
{{- else }}
{{- default .Release.Namespace (first (splitList "/" (include "packetboat.checkpoint" .))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Built-in kinds: in namespaces, and in none. */}}
{{- define "packetboat.kinds" -}}
namespaced:
  "": [Pod, Service, Endpoints, ConfigMap, Secret, PersistentVolumeClaim, ServiceAccount, ReplicationController, ResourceQuota, LimitRange, PodTemplate]
  apps: [Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision]
  batch: [Job, CronJob]
  autoscaling: [HorizontalPodAutoscaler]
  networking.k8s.io: [Ingress, NetworkPolicy]
  policy: [PodDisruptionBudget]
  storage.k8s.io: [CSIStorageCapacity]
  rbac.authorization.k8s.io: [Role, RoleBinding]
  coordination.k8s.io: [Lease]
  discovery.k8s.io: [EndpointSlice]
cluster:
  "": [Node, Namespace, PersistentVolume]
  networking.k8s.io: [IngressClass]
  storage.k8s.io: [StorageClass, VolumeAttachment, CSINode, CSIDriver]
  rbac.authorization.k8s.io: [ClusterRole, ClusterRoleBinding]
  certificates.k8s.io: [CertificateSigningRequest]
  scheduling.k8s.io: [PriorityClass]
  node.k8s.io: [RuntimeClass]
  admissionregistration.k8s.io: [MutatingWebhookConfiguration, ValidatingWebhookConfiguration]
  apiextensions.k8s.io: [CustomResourceDefinition]
  apiregistration.k8s.io: [APIService]
{{- end }}

{{/* The resource of a kind, by the rule that Kubernetes' own follow. */}}
{{- define "packetboat.resource" -}}
{{- $name := lower . }}
{{- if eq $name "endpoints" }}{{ $name }}
{{- else if hasSuffix "s" $name }}{{ $name }}es
{{- else if hasSuffix "y" $name }}{{ trimSuffix "y" $name }}ies
{{- else }}{{ $name }}s
{{- end }}
{{- end }}

{{/* Kinds whose objects are looked up, as enrich.kinds names them. */}}
{{- define "packetboat.lookupKinds" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $kinds := .Values.rbac.lookupKinds }}
{{- if kindIs "invalid" $kinds }}
{{- $kinds = dig "enrich" "kinds" list $said }}
{{- if get $said "omitLookup" }}
{{- $kinds = list }}
{{- else if not $kinds }}
{{- $kinds = list "Pod" "Node" "Service" "PersistentVolumeClaim" "Deployment" "ReplicaSet" "StatefulSet" "DaemonSet" "Job" "CronJob" }}
{{- end }}
{{- end }}
{{- toYaml $kinds }}
{{- end }}

{{/* Rules for looking up objects: {namespaced: [rules], cluster: [rules]}, a rule for each API group. */}}
{{- define "packetboat.lookups" -}}
{{- $known := include "packetboat.kinds" . | fromYaml }}
{{- $found := dict "namespaced" dict "cluster" dict }}
{{- range $name := include "packetboat.lookupKinds" . | fromYamlArray }}
{{- $kind := splitList "/" $name | last }}
{{- $group := trimSuffix $kind $name | trimSuffix "/" }}
{{- $place := dict }}
{{- range $scope, $groups := $known }}
{{- range $g, $kinds := $groups }}
{{- if and (has $kind $kinds) (or (eq $name $kind) (eq $group $g)) }}
{{- $place = dict "scope" $scope "group" $g }}
{{- end }}
{{- end }}
{{- end }}
{{- if not $place }}
{{- if not $group }}
{{- fail (printf "%s is none of Kubernetes' own kinds: name its group too, in rbac.lookupKinds or in enrich.kinds of the configuration, such as example.com/%s" $name $name) }}
{{- end }}
{{- $place = dict "scope" "namespaced" "group" $group }}
{{- end }}
{{- $groups := get $found $place.scope }}
{{- $resources := append (get $groups $place.group | default list) (include "packetboat.resource" $kind) }}
{{- $_ := set $groups $place.group ($resources | uniq | sortAlpha) }}
{{- end }}
{{- range $scope, $groups := $found }}
{{ $scope }}:
{{- range $group, $resources := $groups }}
  - {apiGroups: [{{ $group | quote }}], resources: {{ $resources | toJson }}, verbs: [get, list]}
{{- end }}
{{- end }}
{{- end }}
