#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Runs the commands of docs/aws/README.md, one after the other in one shell, with the
aws of this machine and a cloud that is not there: this program answers, and looks at
what it is asked for. What is for an instance, selftests/boot/readme.sh runs."""
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse

AWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/aws')
SERVICE = 'com.amazonaws.vpce.here.vpce-svc-1'
GROUP = 'arn:aws:elasticloadbalancing:here:1:targetgroup/gwlb/1'
ON_INSTANCES = ('ping', 'gwlbctl', 'tcpdump', 'ip')

calls = []
stacks = {}     # name to status


class Refused(Exception):
    pass


def item(**fields):
    return '<item>%s</item>' % ''.join('<%s>%s</%s>' % (k, v, k) for k, v in fields.items())


def describe_stacks(query):
    name = query['StackName']
    if stacks.get(name) == 'DELETE_IN_PROGRESS':
        del stacks[name]
    if name not in stacks:
        raise Refused('Stack with id %s does not exist' % name)
    return '''<Stacks><member><StackId>%s</StackId><StackName>%s</StackName>
        <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>%s</StackStatus>
        <Outputs><member><OutputKey>ServiceName</OutputKey><OutputValue>%s</OutputValue></member>
        <member><OutputKey>TargetGroupArn</OutputKey><OutputValue>%s</OutputValue></member></Outputs>
        </member></Stacks>''' % (name, name, stacks[name], SERVICE, GROUP)


def create_change_set(query):
    """What is wanted of each stack, and which has to be there"""
    name = query['StackName']
    given = {query[k]: query[k.replace('ParameterKey', 'ParameterValue')]
             for k in query if k.endswith('ParameterKey')
             and k.replace('ParameterKey', 'ParameterValue') in query}
    if name == 'GWLBVPC':
        want = {'AmiId': 'ami-new', 'PackagesUrl': 'https://packages.example.net/gwlb'}
    else:
        want = {'Number': name[-1], 'ServiceName': SERVICE}
        if stacks.get('GWLBVPC') != 'CREATE_COMPLETE':
            raise Refused('no endpoint service yet')
    if not want.items() <= given.items() or query['Capabilities.member.1'] != 'CAPABILITY_IAM':
        raise Refused('parameters: %s' % query)
    stacks[name] = 'CREATE_COMPLETE'
    return '<Id>arn:aws:cloudformation:here:1:changeSet/c/1</Id><StackId>%s</StackId>' % name


def delete_stack(query):
    name = query['StackName']
    others = sorted(set(stacks) - {'GWLBVPC'})
    if name == 'GWLBVPC' and others:
        raise Refused('endpoints of %s use it' % others)
    stacks[name] = 'DELETE_IN_PROGRESS'
    return ''


def describe_target_health(query):
    if query['TargetGroupArn'] != GROUP:
        raise Refused('no such target group: ' + query['TargetGroupArn'])
    return '''<TargetHealthDescriptions><member><Target><Id>i-1</Id></Target>
        <TargetHealth><State>healthy</State></TargetHealth></member></TargetHealthDescriptions>'''


ANSWERS = {
    'DescribeImages': lambda q: '<imagesSet>%s%s</imagesSet>' % (
        item(imageId='ami-new', creationDate='2026-10-01T00:00:00.000Z'),
        item(imageId='ami-old', creationDate='2026-09-01T00:00:00.000Z')),
    'DescribeVpcEndpointServices': lambda q: '<serviceDetailSet>%s%s</serviceDetailSet>' % (
        item(serviceName='com.amazonaws.here.other', owner='amazon'),
        item(serviceName=SERVICE, owner='1')),
    'DescribeInstances': lambda q: '<reservationSet><item><instancesSet>%s</instancesSet></item>'
                                   '</reservationSet>' % item(instanceId='i-1'),
    'DescribeVpcEndpoints': lambda q: '<vpcEndpointSet>%s</vpcEndpointSet>' % item(
        vpcEndpointId='vpce-1', vpcId='vpc-1', state='available'),
    'DescribeVpcEndpointConnections':
        lambda q: '<vpcEndpointConnectionSet>%s</vpcEndpointConnectionSet>' % item(
            vpcEndpointId='vpce-1', vpcEndpointState='available'),
    'DescribeStacks': describe_stacks,
    'CreateChangeSet': create_change_set,
    'DescribeChangeSet': lambda q: '<Status>CREATE_COMPLETE</Status>',
    'ExecuteChangeSet': lambda q: '',
    'DeleteStack': delete_stack,
    'DescribeTargetHealth': describe_target_health,
}


class Cloud(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length'])).decode()
        target, status = self.headers.get('X-Amz-Target'), 200
        if target:
            calls.append(target.split('.')[1])
            answer = json.dumps({'SessionId': 's', 'TokenValue': 't', 'StreamUrl': 'wss://here'})
        else:
            query = dict(urllib.parse.parse_qsl(body))
            action = query['Action']
            calls.append(action + ' ' + query['StackName'] if action == 'DeleteStack' else action)
            try:
                answer = ANSWERS[action](query)
                if action not in ('DescribeImages', 'DescribeInstances') and 'Vpc' not in action:
                    answer = '<%sResult>%s</%sResult>' % (action, answer, action)
                answer = '<%sResponse>%s</%sResponse>' % (action, answer, action)
            except Refused as why:
                status = 400
                answer = '<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code>' \
                    '<Message>%s</Message></Error></ErrorResponse>' % why
        self.send_response(status)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())


def commands():
    """Indented lines, those that go on on the next one as one"""
    with open(AWS + '/README.md') as f:
        text = ''.join(line[4:] for line in f if line.startswith('    '))
    lines = re.sub(r'\\\n', '', text).splitlines()
    return '\n'.join(line for line in lines if line.split()[0] not in ON_INSTANCES)


number, failed = 0, []


def ok(good, name, why=''):
    global number
    number += 1
    print('%sok %d - docs/aws: %s' % ('' if good else 'not ', number, name))
    if not good:
        failed.append(name)
        print('\n'.join('# ' + line for line in str(why).splitlines()[-40:]))


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Cloud)
threading.Thread(target=server.serve_forever, daemon=True).start()
with tempfile.TemporaryDirectory() as tmp:
    with open(tmp + '/session-manager-plugin', 'w') as plugin:
        plugin.write('#!/bin/sh\necho "plugin: $*"\n')
    os.chmod(tmp + '/session-manager-plugin', 0o755)
    shell = 'aws() { command aws --endpoint-url http://127.0.0.1:%d "$@"; }\n' % server.server_port
    done = subprocess.run(
        ['bash', '-eu', '-o', 'pipefail', '-c', shell + commands()], cwd=AWS, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=dict(
            os.environ, PATH=tmp + ':' + os.environ['PATH'], HOME=tmp, AWS_REGION='us-east-1',
            AWS_DEFAULT_REGION='us-east-1', AWS_ACCESS_KEY_ID='nobody',
            AWS_SECRET_ACCESS_KEY='nothing', AWS_EC2_METADATA_DISABLED='true', AWS_PAGER=''))
print('TAP version 13')
ok(done.returncode == 0, 'every command succeeds', done.stdout)
ok(calls.count('CreateChangeSet') == 4, 'four stacks are made', calls)
ok(re.search('plugin: .*"?i-1', done.stdout) and 'StartSession' in calls, 'a session is opened',
   done.stdout)
ok(all(text in done.stdout for text in ('vpce-1', 'vpc-1', 'available', 'healthy')),
   'endpoints, connections and health are shown', done.stdout)
gone = [call.split()[1] for call in calls if call.startswith('DeleteStack')]
ok(gone == ['VPC03', 'VPC02', 'VPC01', 'GWLBVPC'] and not stacks,
   'deleted in reverse order', '%s, left: %s' % (gone, stacks))
print('1..%d' % number)
sys.exit(bool(failed))
