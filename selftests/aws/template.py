#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Checks CloudFormation templates, or prints a user-data of one.

template.py FILE...
    Says what is wrong, a line each: YAML and keys that are there twice,
    sections and types that are not known, properties that a type does not have
    or has to have, and Ref, GetAtt, Sub and DependsOn of what is not there.
template.py --user-data RESOURCE FILE [PARAMETER=VALUE]...
    Prints the user-data with its parameters filled in.
"""
import re
import sys
import yaml

SECTIONS = {'AWSTemplateFormatVersion', 'Description', 'Parameters', 'Resources', 'Outputs'}
RESOURCE_KEYS = {'Type', 'Properties', 'DependsOn'}
PARAMETER_KEYS = {'Type', 'Description', 'Default', 'AllowedPattern', 'MinValue', 'MaxValue'}
PSEUDO = {'AWS::Region', 'AWS::Partition', 'AWS::AccountId', 'AWS::StackName'}
PARAMETER_TYPES = {'String', 'Number', 'AWS::EC2::Image::Id',
                   'AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>'}

# Of each type in use: properties that it must have, that it may have, and its
# attributes for GetAtt; from the resource reference of CloudFormation.
TYPES = {
    'AWS::EC2::VPC': (
        '', 'CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy Tags',
        'CidrBlock DefaultSecurityGroup VpcId'),
    'AWS::EC2::InternetGateway': ('', 'Tags', 'InternetGatewayId'),
    'AWS::EC2::VPCGatewayAttachment': ('VpcId', 'InternetGatewayId VpnGatewayId', ''),
    'AWS::EC2::Subnet': (
        'VpcId', 'AvailabilityZone AvailabilityZoneId CidrBlock Ipv6CidrBlock '
        'MapPublicIpOnLaunch Tags', 'AvailabilityZone SubnetId VpcId'),
    'AWS::EC2::RouteTable': ('VpcId', 'Tags', 'RouteTableId'),
    'AWS::EC2::Route': (
        'RouteTableId', 'DestinationCidrBlock DestinationIpv6CidrBlock GatewayId InstanceId '
        'NatGatewayId NetworkInterfaceId TransitGatewayId VpcEndpointId', 'CidrBlock'),
    'AWS::EC2::SubnetRouteTableAssociation': ('RouteTableId SubnetId', '', 'Id'),
    'AWS::EC2::GatewayRouteTableAssociation': ('RouteTableId GatewayId', '', 'AssociationId'),
    'AWS::EC2::SecurityGroup': (
        'GroupDescription', 'GroupName SecurityGroupEgress SecurityGroupIngress Tags VpcId',
        'GroupId VpcId'),
    'AWS::EC2::VPCEndpoint': (
        'VpcId', 'IpAddressType PolicyDocument PrivateDnsEnabled RouteTableIds '
        'SecurityGroupIds ServiceName SubnetIds Tags VpcEndpointType', 'Id DnsEntries'),
    'AWS::EC2::VPCEndpointService': (
        '', 'AcceptanceRequired GatewayLoadBalancerArns NetworkLoadBalancerArns '
        'SupportedIpAddressTypes Tags', 'ServiceId'),
    'AWS::EC2::LaunchTemplate': (
        'LaunchTemplateData', 'LaunchTemplateName TagSpecifications VersionDescription',
        'DefaultVersionNumber LatestVersionNumber LaunchTemplateId'),
    'AWS::EC2::Instance': (
        '', 'AvailabilityZone IamInstanceProfile ImageId InstanceType KeyName LaunchTemplate '
        'NetworkInterfaces PrivateIpAddress SecurityGroupIds SourceDestCheck SubnetId Tags '
        'UserData', 'AvailabilityZone InstanceId PrivateIp PublicIp'),
    'AWS::IAM::Role': (
        'AssumeRolePolicyDocument', 'Description ManagedPolicyArns Path Policies RoleName Tags',
        'Arn RoleId'),
    'AWS::IAM::InstanceProfile': ('Roles', 'InstanceProfileName Path', 'Arn'),
    'AWS::ElasticLoadBalancingV2::LoadBalancer': (
        '', 'IpAddressType LoadBalancerAttributes Name Scheme SecurityGroups SubnetMappings '
        'Subnets Tags Type', 'LoadBalancerArn LoadBalancerFullName LoadBalancerName'),
    'AWS::ElasticLoadBalancingV2::TargetGroup': (
        '', 'HealthCheckEnabled HealthCheckIntervalSeconds HealthCheckPath HealthCheckPort '
        'HealthCheckProtocol HealthCheckTimeoutSeconds HealthyThresholdCount IpAddressType '
        'Matcher Name Port Protocol Tags TargetGroupAttributes TargetType Targets '
        'UnhealthyThresholdCount VpcId', 'TargetGroupArn TargetGroupFullName'),
    'AWS::ElasticLoadBalancingV2::Listener': (
        'DefaultActions LoadBalancerArn', 'Certificates Port Protocol', 'ListenerArn'),
}
# of properties that have properties, wherever they stand
NESTED = {
    'Tags': 'Key Value',
    'SecurityGroupIngress': 'CidrIp CidrIpv6 Description FromPort IpProtocol '
                            'SourceSecurityGroupId ToPort',
    'LaunchTemplateData': 'IamInstanceProfile ImageId InstanceType KeyName MetadataOptions '
                          'NetworkInterfaces SecurityGroupIds UserData',
    'MetadataOptions': 'HttpEndpoint HttpPutResponseHopLimit HttpTokens',
    'LaunchTemplate': 'LaunchTemplateId LaunchTemplateName Version',
    'NetworkInterfaces': 'AssociatePublicIpAddress DeleteOnTermination DeviceIndex GroupSet '
                         'NetworkInterfaceId PrivateIpAddress SubnetId',
    'Targets': 'AvailabilityZone Id Port',
    'TargetGroupAttributes': 'Key Value',
    'DefaultActions': 'Type TargetGroupArn Order',
}


class Loader(yaml.SafeLoader):
    """YAML without duplicate keys, with the short forms of functions."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f'{key.value} is there twice',
                                           problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# dates and yes/no are strings to CloudFormation, too
Loader.yaml_implicit_resolvers = {
    first: [r for r in resolvers if r[0] not in ('tag:yaml.org,2002:timestamp',)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def short_form(loader, suffix, node):
    name = 'Ref' if suffix == 'Ref' else 'Fn::' + suffix
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == 'GetAtt':
            value = value.split('.', 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, True)
    else:
        value = loader.construct_mapping(node, True)
    return {name: value}


Loader.add_multi_constructor('!', short_form)


def names_of_sub(text):
    """What ${...} of a Fn::Sub stand for; ${!...} is a literal"""
    return re.findall(r'\$\{([^!}][^}]*)\}', text)


class Template:
    def __init__(self, path):
        with open(path) as f:
            self.data = yaml.load(f, Loader)
        self.path = path
        self.findings = []
        self.used = set()
        self.parameters = self.data.get('Parameters', {})
        self.resources = self.data.get('Resources', {})

    def wrong(self, where, text):
        self.findings.append(f'{self.path}: {where}: {text}')

    def ref(self, where, name):
        self.used.add(name)
        if name not in PSEUDO | self.parameters.keys() | self.resources.keys():
            self.wrong(where, f'{name} is neither a parameter nor a resource')

    def getatt(self, where, parts):
        name, attribute = parts if len(parts) == 2 else (parts[0], '')
        self.used.add(name)
        if name not in self.resources:
            self.wrong(where, f'GetAtt of {name}, which is no resource')
            return
        known = TYPES.get(self.resources[name].get('Type'), ('', '', ''))[2]
        if attribute not in known.split():
            self.wrong(where, f'{name} has no attribute {attribute}')

    def sub(self, where, text):
        own = {}
        if isinstance(text, list):
            text, own = text
            self.value(where, own)
        for name in names_of_sub(text):
            if name in own:
                continue
            if '.' in name:
                self.getatt(where, name.split('.', 1))
            else:
                self.ref(where, name)

    def function(self, where, name, value):
        if name == 'Ref':
            self.ref(where, value)
        elif name == 'Fn::GetAtt':
            self.getatt(where, value)
        elif name == 'Fn::Sub':
            self.sub(where, value)
        elif name in ('Fn::Select', 'Fn::GetAZs', 'Fn::Base64', 'Fn::Join'):
            self.value(where, value)
        else:
            self.wrong(where, f'unknown function {name}')

    def value(self, where, value):
        """Functions in it, and the properties of properties"""
        if isinstance(value, list):
            for item in value:
                self.value(where, item)
        if not isinstance(value, dict):
            return
        for key, inner in value.items():
            if key == 'Ref' or key.startswith('Fn::'):
                if len(value) > 1:
                    self.wrong(where, f'{key} beside something else')
                self.function(where, key, inner)
                continue
            if key in NESTED:
                known = set(NESTED[key].split())
                for item in inner if isinstance(inner, list) else [inner]:
                    if isinstance(item, dict):
                        for bad in sorted(item.keys() - known):
                            if bad != 'Ref' and not bad.startswith('Fn::'):
                                self.wrong(where, f'{key} has no {bad}')
            self.value(where, inner)

    def resource(self, name, r):
        for key in r.keys() - RESOURCE_KEYS:
            self.wrong(name, f'unknown key {key}')
        properties = r.get('Properties', {})
        if r.get('Type') not in TYPES:
            self.wrong(name, f'type {r.get("Type")} is not in our table')
        else:
            must, may, _ = TYPES[r['Type']]
            known = set(f'{must} {may}'.split())
            for key in sorted(properties.keys() - known):
                self.wrong(name, f'{r["Type"]} has no property {key}')
            for key in sorted(set(must.split()) - properties.keys()):
                self.wrong(name, f'{r["Type"]} needs {key}')
        after = r.get('DependsOn', [])
        for other in after if isinstance(after, list) else [after]:
            if other not in self.resources:
                self.wrong(name, f'DependsOn of {other}, which is no resource')
        self.value(name, properties)

    def needs(self, name):
        """Resources that have to be there before this one"""
        r = self.resources[name]
        after = r.get('DependsOn', [])
        other = Template.__new__(Template)
        other.__dict__ = dict(self.__dict__, findings=[], used=set())
        other.value(name, r.get('Properties', {}))
        found = other.used | set(after if isinstance(after, list) else [after])
        return found & self.resources.keys()

    def cycles(self):
        left = {name: self.needs(name) for name in self.resources}
        while True:
            ready = [name for name in left if not left[name] & left.keys()]
            if not ready:
                break
            for name in ready:
                del left[name]
        if left:
            self.wrong('Resources', 'each waits for another: ' + ', '.join(sorted(left)))

    def check(self):
        for key in self.data.keys() - SECTIONS:
            self.wrong(key, 'unknown section')
        if str(self.data.get('AWSTemplateFormatVersion')) != '2010-09-09':
            self.wrong('AWSTemplateFormatVersion', 'must be 2010-09-09')
        for name, p in self.parameters.items():
            for key in p.keys() - PARAMETER_KEYS:
                self.wrong(name, f'unknown key {key} of a parameter')
            if p.get('Type') not in PARAMETER_TYPES:
                self.wrong(name, f'unknown type {p.get("Type")} of a parameter')
        for name in self.parameters.keys() | self.resources.keys():
            if not re.fullmatch('[A-Za-z0-9]+', name):
                self.wrong(name, 'names have letters and digits only')
        for name, r in self.resources.items():
            self.resource(name, r)
        for name, output in self.data.get('Outputs', {}).items():
            for key in output.keys() - {'Description', 'Value', 'Export'}:
                self.wrong(name, f'unknown key {key} of an output')
            self.value(name, output)
        for name in sorted(self.parameters.keys() - self.used):
            self.wrong(name, 'the parameter is not used')
        if not self.findings:
            self.cycles()
        return self.findings

    def user_data(self, name, given):
        values = {p: v['Default'] for p, v in self.parameters.items() if 'Default' in v}
        values.update(given)
        properties = self.resources[name]['Properties']
        data = properties.get('LaunchTemplateData', properties)['UserData']
        text = data['Fn::Base64']['Fn::Sub']
        if len(text) > 16384:
            sys.exit('more than the 16 KiB that user-data may have')
        text = re.sub(r'\$\{([^!}][^}]*)\}', lambda m: str(values[m.group(1)]), text)
        return re.sub(r'\$\{!', '${', text)


def main(words):
    if words[:1] == ['--user-data']:
        given = dict(word.split('=', 1) for word in words[3:])
        sys.stdout.write(Template(words[2]).user_data(words[1], given))
        return 0
    findings = []
    for path in words:
        try:
            findings += Template(path).check()
        except yaml.YAMLError as e:
            findings.append(f'{path}: {" ".join(str(e).split())}')
    for line in findings:
        print(line)
    return bool(findings)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
