{{/* All rules, by namespace; "" is everywhere. What `packetboat rbac` prints: a test compares. */}}
{{- define "packetboat.rules" -}}
{{- $rules := dict }}
{{- range list "packetboat.rulesOfReading" "packetboat.rulesOfLookups" "packetboat.rulesOfWriting" "packetboat.rulesOfSecrets" }}
{{- range $grant := include . $ | fromYamlArray }}
{{- $_ := set $rules $grant.in (append (get $rules $grant.in | default list) (omit $grant "in")) }}
{{- end }}
{{- end }}
{{- toYaml $rules }}
{{- end }}

{{/* Events, and who the cluster is. */}}
{{- define "packetboat.rulesOfReading" -}}
{{- $namespaces := include "packetboat.namespaces" . | fromYamlArray | uniq }}
- {in: "", apiGroups: [""], resources: [namespaces], resourceNames: [kube-system], verbs: [get]}
{{- if not $namespaces }}
- {in: "", apiGroups: [""], resources: [events], verbs: [list, watch]}
{{- else if eq (len $namespaces) 1 }}
- {in: {{ first $namespaces | quote }}, apiGroups: [""], resources: [events], verbs: [list, watch]}
{{- else }}
{{- range $namespaces }}
- {in: {{ . | quote }}, apiGroups: [""], resources: [events], verbs: [list]}
{{- end }}
{{- if eq .Values.mode "watch" }}
# One watch has one order, so it is of all namespaces.
- {in: "", apiGroups: [""], resources: [events], verbs: [watch]}
{{- end }}
{{- end }}
{{- with .Values.rbac.extraRules }}
{{- range . }}
{{ list (merge (dict "in" "") .) | toYaml }}
{{- end }}
{{- end }}
{{- end }}

{{/* The checkpoint, the marker and the Lease. */}}
{{- define "packetboat.rulesOfWriting" -}}
{{- with include "packetboat.checkpoint" . | splitList "/" }}
{{- if first . }}
- {in: {{ first . | quote }}, apiGroups: [""], resources: [configmaps], resourceNames: [{{ last . | quote }}], verbs: [get, patch]}
{{- end }}
{{- end }}
{{- $marker := include "packetboat.markerName" . }}
{{- with include "packetboat.markerNamespace" . }}
- {in: {{ . | quote }}, apiGroups: [""], resources: [events]{{ with $marker }}, resourceNames: [{{ . | quote }}]{{ end }}, verbs: [get, patch]}
# create cannot be limited to a name.
- {in: {{ . | quote }}, apiGroups: [""], resources: [events], verbs: [create]}
{{- end }}
{{- with include "packetboat.lease" . | splitList "/" }}
{{- if first . }}
- {in: {{ first . | quote }}, apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [{{ last . | quote }}], verbs: [get, update]}
{{- end }}
{{- end }}
{{- end }}

{{/* Secrets that the configuration names as k8s:NAMESPACE/NAME#KEY. */}}
{{- define "packetboat.rulesOfSecrets" -}}
{{- $said := include "packetboat.said" . | fromYaml | toJson }}
{{- range regexFindAll `"k8s:[a-z0-9-]+/[a-z0-9.-]+#` $said -1 | uniq }}
{{- $place := trimPrefix "\"k8s:" . | trimSuffix "#" | splitList "/" }}
- {in: {{ first $place | quote }}, apiGroups: [""], resources: [secrets], resourceNames: [{{ last $place | quote }}], verbs: [get]}
{{- end }}
{{- end }}

{{/* Objects that events are about. The API server takes an event of an object that is in no namespace only in default
and kube-system. */}}
{{- define "packetboat.rulesOfLookups" -}}
{{- $namespaces := include "packetboat.namespaces" . | fromYamlArray | uniq | default (list "") }}
{{- $everywhere := or (has "" $namespaces) (has "default" $namespaces) (has "kube-system" $namespaces) }}
{{- $lookups := include "packetboat.lookups" . | fromYaml }}
{{- range $group, $resources := $lookups.namespaced }}
{{- range $namespaces }}
- {in: {{ . | quote }}, apiGroups: [{{ $group | quote }}], resources: {{ $resources | toJson }}, verbs: [get, list]}
{{- end }}
{{- end }}
{{- if $everywhere }}
{{- range $group, $resources := $lookups.cluster }}
- {in: "", apiGroups: [{{ $group | quote }}], resources: {{ $resources | toJson }}, verbs: [get, list]}
{{- end }}
{{- end }}
{{- end }}

{{/* Resources that are looked up: {namespaced: {group: [resources]}, cluster: ...}. */}}
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
{{- toYaml $found }}
{{- end }}
