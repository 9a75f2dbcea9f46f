// Owns the certificates that `cotg cert` makes: what stands in them and for how long. It must not know files.
//
// The CA may sign for private names and addresses only (RFC 5280, 4.2.1.10, critical): a phone that trusts it does not have to trust whoever steals its
// key with the rest of the web. It cannot make another CA (path length 0). A leaf lives 397 days, the most that browsers take.
// The library below asks for it: its decorators are read at import.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { AsnConvert } from '@peculiar/asn1-schema';
import { GeneralName, GeneralSubtree, GeneralSubtrees, NameConstraints, id_ce_nameConstraints } from '@peculiar/asn1-x509';
import * as x509 from '@peculiar/x509';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Installed by hand on every phone: made again seldom. */
const CA_LIFE_MS = 10 * 365 * DAY_MS;
const LEAF_LIFE_MS = 397 * DAY_MS;
/** A phone whose clock is behind takes a new certificate all the same. */
const EARLIER_MS = HOUR_MS;
const SERIAL_BYTES = 16;
/** Node's own WebCrypto, in the library's types. */
const { subtle } = x509.cryptoProvider.get();
/** P-256: what every phone takes. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;

/** Names that nobody can register (RFC 6761, 6762, 8375, ICANN's .internal), and those that home routers and VPNs give. */
export const PRIVATE_DOMAINS = ['localhost', 'local', 'lan', 'home', 'home.arpa', 'internal', 'test', 'ts.net'] as const;
/** RFC 1918, 3927, 4193, 4291, 6598 (used by VPNs), and this computer. */
const PRIVATE_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  'fc00::/7',
  'fe80::/10',
  '::1/128',
] as const;

export interface Pair {
  /** PEM. */
  readonly cert: string;
  /** PKCS #8 in PEM. */
  readonly key: string;
}

/** `names`: host names and addresses that the CA may sign for besides the private ones. */
export async function makeCa(options: { names: readonly string[]; computer: string; now: Date }): Promise<Pair> {
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notBefore = new Date(options.now.getTime() - EARLIER_MS);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [`claude-on-the-go on ${options.computer}`] }],
    notBefore,
    notAfter: new Date(notBefore.getTime() + CA_LIFE_MS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      nameConstraints(options.names),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** `ca`: a certificate and its own key. */
export async function makeLeaf(options: { ca: Pair; names: readonly string[]; now: Date }): Promise<Pair> {
  const issuer = new x509.X509Certificate(options.ca.cert);
  const signingKey = await subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(options.ca.key), ALGORITHM, false, ['sign']);
  const keys = await subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const notBefore = new Date(options.now.getTime() - EARLIER_MS);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // Not a host name: names count where they are constrained, in the extension below.
    subject: [{ CN: ['claude-on-the-go server'] }],
    issuer: issuer.subjectName,
    notBefore,
    notAfter: new Date(Math.min(notBefore.getTime() + LEAF_LIFE_MS, issuer.notAfter.getTime())),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        options.names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false),
    ],
  });
  return { cert: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) };
}

/** Whether phones take this name from that CA. */
export function maySign(caPem: string, name: string): boolean {
  const extension = new x509.X509Certificate(caPem).getExtension(id_ce_nameConstraints);
  if (!extension) return false;
  const { permittedSubtrees } = AsnConvert.parse(extension.value, NameConstraints);
  return [...(permittedSubtrees ?? [])].some(({ base: { dNSName, iPAddress } }) =>
    isIP(name) === 0 ? dNSName !== undefined && isUnder(name, dNSName) : iPAddress !== undefined && isWithin(name, iPAddress),
  );
}

/** The names and addresses that a certificate is for. */
export function namesOf(pem: string): string[] {
  return new x509.X509Certificate(pem).getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value) ?? [];
}

const isUnder = (name: string, domain: string): boolean => name === domain || name.endsWith(`.${domain}`);
const alone = (address: string): string => `${address}/${isIP(address) === 4 ? 32 : 128}`;

function isWithin(address: string, network: string): boolean {
  const [base = '', prefix = ''] = network.split('/', 2);
  if (isIP(base) !== isIP(address)) return false;
  const family = isIP(base) === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(prefix), family);
  return list.check(address, family);
}

function nameConstraints(names: readonly string[]): x509.Extension {
  const domains = names.filter((name) => isIP(name) === 0 && !PRIVATE_DOMAINS.some((domain) => isUnder(name, domain)));
  const addresses = names.filter((name) => isIP(name) !== 0 && !PRIVATE_NETWORKS.some((network) => isWithin(name, network)));
  const subtree = (name: Partial<GeneralName>): GeneralSubtree => new GeneralSubtree({ base: new GeneralName(name) });
  const permittedSubtrees = new GeneralSubtrees([
    ...[...PRIVATE_DOMAINS, ...domains].map((dNSName) => subtree({ dNSName })),
    ...[...PRIVATE_NETWORKS, ...addresses.map(alone)].map((iPAddress) => subtree({ iPAddress })),
  ]);
  return new x509.Extension(id_ce_nameConstraints, true, AsnConvert.serialize(new NameConstraints({ permittedSubtrees })));
}

/** Positive, and of a fixed length. */
function serialNumber(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function pemOf(key: CryptoKey): Promise<string> {
  return `${x509.PemConverter.encode(await subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}
