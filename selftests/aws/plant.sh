#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# template.py finds what is wrong: one error at a time is planted in a template.
set -euo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# planted FILE SED-SCRIPT TEXT: with that change, a finding has TEXT
planted() {
	local out
	sed "$2" "docs/aws/$1" >"$tmp/$1"
	if cmp -s "docs/aws/$1" "$tmp/$1"; then
		echo "nothing is planted by: $2"
		failed=1
	elif out=$(selftests/aws/template.py "$tmp/$1") || ! grep -qF "$3" <<<"$out"; then
		echo "not found: $3, but:"
		echo "$out"
		failed=1
	fi
}

selftests/aws/template.py docs/aws/*.yaml || failed=1
f=gwlbvpc.yaml
planted $f '0,/CidrBlock: .*/s//&\n      CidrBlock: 10.0.0.0\/8/' 'CidrBlock is there twice'
planted $f 's/^  SubnetB:/  SubnetA:/' 'SubnetA is there twice'
planted $f 's/Properties:/Properties: ]/' 'gwlbvpc.yaml'
planted $f 's/!Ref TargetGroup/!Ref TargetGrup/' 'TargetGrup is neither a parameter nor a resource'
planted $f 's/!Ref AmiId/ami-1/' 'AmiId: the parameter is not used'
planted $f 's/InstanceProfile.Arn/InstanceProfile.Name/' 'InstanceProfile has no attribute Name'
planted $f 's/InstanceProfile.Arn/Profile.Arn/' 'GetAtt of Profile, which is no resource'
# shellcheck disable=SC2016	# of the template
planted $f 's/${PackagesUrl}/${PackageUrl}/' 'PackageUrl is neither a parameter nor a resource'
planted $f 's/DependsOn: Listener/DependsOn: Listner/' 'DependsOn of Listner, which is no resource'
planted $f 's/HealthCheckPath/HealthPath/' 'AWS::ElasticLoadBalancingV2::TargetGroup has no property HealthPath'
planted $f 's/FromPort: 80/FromPrt: 80/' 'SecurityGroupIngress has no FromPrt'
planted $f 's/GroupDescription:/GroupName:/' 'AWS::EC2::SecurityGroup needs GroupDescription'
planted $f 's/EC2::LaunchTemplate$/EC2::StartTemplate/' 'type AWS::EC2::StartTemplate is not in our table'
planted $f 's/^    DependsOn: InternetGatewayAttachment/    DependOn: InternetGatewayAttachment/' 'unknown key DependOn'
planted $f 's/!GetAZs/!GetZones/' 'unknown function Fn::GetZones'
planted $f 's/^  EndpointService:/  Endpoint-Service:/' 'names have letters and digits only'
planted $f 's/^Outputs:/Output:/' 'unknown section'
planted vpc.yaml '0,/  Vpc:/s//&\n    DependsOn: EndpointA/' 'each waits for another'
exit $failed
