#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""design.py FOLDER: the templates there make the network that docs/aws/README.md
tells of: says what does not hold, a line each."""
import re
import sys
from template import Template

wrong = []


def ok(good, what):
    if not good:
        wrong.append(what)


class Stack:
    """Resources of a template, with the values of its parameters filled in; a Ref to a
    resource is that one's name, GetAtt NAME.ATTRIBUTE"""

    def __init__(self, path, **parameters):
        template = Template(path)
        self.values = {k: v.get('Default') for k, v in template.parameters.items()}
        self.values.update(parameters, **{'AWS::Region': 'here', 'AWS::Partition': 'aws'})
        self.resources = {name: (r['Type'], self.resolved(r.get('Properties', {})))
                          for name, r in template.resources.items()}

    def resolved(self, value):
        if isinstance(value, list):
            return [self.resolved(v) for v in value]
        if not isinstance(value, dict):
            return value
        if 'Ref' in value:
            return self.values.get(value['Ref'], value['Ref'])
        if 'Fn::Sub' in value:
            return re.sub(r'\$\{([^!}]*)\}',
                          lambda m: str(self.values.get(m.group(1), m.group(1))), value['Fn::Sub'])
        if 'Fn::GetAtt' in value:
            return '.'.join(value['Fn::GetAtt'])
        if 'Fn::Select' in value:
            return value['Fn::Select'][0]
        return {k: self.resolved(v) for k, v in value.items()}

    def of(self, kind, **properties):
        """Names to properties of those of that type that have these"""
        return {name: p for name, (t, p) in self.resources.items()
                if t.endswith('::' + kind) and properties.items() <= p.items()}

    def one(self, kind, **properties):
        found = self.of(kind, **properties)
        ok(len(found) == 1, '%s %s: %d of them' % (kind, properties, len(found)))
        return next(iter(found.items()), ('', {}))

    def zones(self, cidrs):
        """Name of the subnet for each; they lie in zones 0, 1, 0, 1 ..."""
        names = []
        for i, cidr in enumerate(cidrs):
            name, subnet = self.one('Subnet', CidrBlock=cidr)
            ok(subnet.get('AvailabilityZone') == i % 2, cidr + ': zone')
            names.append(name)
        ok(len(self.of('Subnet')) == len(cidrs), 'more subnets')
        return names

    def route(self, subnet, destination='0.0.0.0/0'):
        """Where the route table of that subnet sends it"""
        table = self.one('SubnetRouteTableAssociation', SubnetId=subnet)[1].get('RouteTableId')
        return self.one('Route', RouteTableId=table, DestinationCidrBlock=destination)[1]


def security(s):
    ok(s.one('VPC')[1].get('CidrBlock') == '10.254.0.0/16', 'addresses of the VPC')
    subnets = s.zones(['10.254.11.0/24', '10.254.12.0/24'])
    gateway = s.one('InternetGateway')[0]
    for n in subnets:
        ok(s.route(n).get('GatewayId') == gateway, n + ': out by the internet gateway')
    at = {p['PrivateIpAddress']: (name, p['SubnetId']) for name, p in s.of('Instance').items()}
    ok({a: subnet for a, (_, subnet) in at.items()} ==
       {'10.254.%d.10%d' % (11 + zone, i): subnets[zone] for zone in (0, 1) for i in (1, 2)},
       'four appliances: %s' % at)
    balancer, p = s.one('LoadBalancer')
    ok(p.get('Type') == 'gateway' and p.get('Subnets') == subnets, 'a gateway load balancer')
    group, p = s.one('TargetGroup')
    ok((p['Protocol'], p['Port'], p['TargetType']) == ('GENEVE', 6081, 'instance'), 'GENEVE')
    ok((p['HealthCheckProtocol'], p['HealthCheckPort'], p['HealthCheckPath']) == ('HTTP', '80', '/'),
       'health check')
    ok({'Key': 'deregistration_delay.timeout_seconds', 'Value': '20'}
       in p['TargetGroupAttributes'], 'deregistration delay')
    ok(sorted(t['Id'] for t in p['Targets']) == sorted(name for name, _ in at.values()), 'targets')
    ok(s.one('Listener')[1] == {'LoadBalancerArn': balancer, 'DefaultActions': [
        {'Type': 'forward', 'TargetGroupArn': group}]}, 'listener')
    ok(s.one('VPCEndpointService')[1] == {'GatewayLoadBalancerArns': [balancer],
                                          'AcceptanceRequired': False}, 'endpoint service')
    allowed = {(r['IpProtocol'], r['FromPort'], r['ToPort'], r['CidrIp'])
               for r in s.one('SecurityGroup')[1]['SecurityGroupIngress']}
    ok(allowed == {('udp', 6081, 6081, '10.254.0.0/16'), ('tcp', 80, 80, '10.254.0.0/16')},
       'GENEVE and health check are let in')


def workload(s, n):
    net = '10.%d.' % n
    ok(s.one('VPC')[1].get('CidrBlock') == net + '0.0/16', 'addresses of the VPC')
    subnets = s.zones([net + '%d.0/24' % i for i in (11, 12, 21, 22)])
    gateway = s.one('InternetGateway')[0]
    ingress = s.one('GatewayRouteTableAssociation', GatewayId=gateway)[1].get('RouteTableId')
    at = {p['NetworkInterfaces'][0]['PrivateIpAddress']: p['NetworkInterfaces'][0]['SubnetId']
          for p in s.of('Instance').values()}
    ok(at == {net + '%d.10%d' % (21 + zone, i): subnets[2 + zone]
              for zone in (0, 1) for i in (1, 2)}, 'four instances: %s' % at)
    for zone, (public, private) in enumerate(zip(subnets, subnets[2:])):
        endpoint, p = s.one('VPCEndpoint', VpcEndpointType='GatewayLoadBalancer',
                            SubnetIds=[public])
        ok(p.get('ServiceName') == 'service', 'an endpoint of the service')
        ok(s.route(public).get('GatewayId') == gateway, public + ': out by the internet gateway')
        ok(s.route(private).get('VpcEndpointId') == endpoint, private + ': out by the endpoint')
        back = s.one('Route', RouteTableId=ingress,
                     DestinationCidrBlock=net + '%d.0/24' % (21 + zone))[1]
        ok(back.get('VpcEndpointId') == endpoint, private + ': in by the same endpoint')
    ok({p['ServiceName'].split('.')[-1] for p in s.of('VPCEndpoint',
                                                      VpcEndpointType='Interface').values()} ==
       {'ssm', 'ssmmessages', 'ec2messages'}, 'Session Manager')


security(Stack(sys.argv[1] + '/gwlbvpc.yaml'))
for number in 1, 2, 3:
    workload(Stack(sys.argv[1] + '/vpc.yaml', Number=number, ServiceName='service'), number)
print('\n'.join(wrong), end='\n' * bool(wrong))
sys.exit(bool(wrong))
