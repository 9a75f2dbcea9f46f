import { render } from 'solid-js/web';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRouter, RouterProvider } from '../ui/router.ts';
import { PairDevice } from './PairDevice.tsx';

let dispose: (() => void) | undefined;
const fetch = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();

beforeEach(() => {
  fetch.mockReset();
  vi.stubGlobal('fetch', fetch);
});
afterEach(() => {
  dispose?.();
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

function open(address: string): void {
  history.replaceState(null, '', address);
  const root = document.createElement('div');
  document.body.append(root);
  dispose = render(() => {
    const router = createRouter();
    return (
      <RouterProvider value={router}>
        <PairDevice />
      </RouterProvider>
    );
  }, root);
}

const refusal = (code: string): Response => new Response(JSON.stringify({ code }), { status: 401 });

test('the code has left the address before anything is asked of the server', async () => {
  let addressAtRequest = '';
  fetch.mockImplementation(() => {
    addressAtRequest = location.href;
    return Promise.resolve(new Response('{}'));
  });
  open('/pair#SECRET');
  expect(location.hash).toBe('');
  await vi.waitFor(() => expect(location.pathname).toBe('/'));
  expect(addressAtRequest).not.toContain('SECRET');
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(fetch.mock.calls[0]?.[1].body).toContain('"code":"SECRET"');
});

test('a refused code is said in a line, and another one can be typed', async () => {
  fetch.mockResolvedValueOnce(refusal('PAIRING_CODE_EXPIRED'));
  open('/pair#OLD');
  await vi.waitFor(() => expect(document.querySelector('[data-testid=pair-error]')?.textContent).toContain('expired'));
  expect(location.pathname).toBe('/pair');

  fetch.mockResolvedValueOnce(new Response('{}'));
  const field = document.querySelector('input');
  if (!field) throw new Error('no field');
  field.value = ' NEW-CODE ';
  field.dispatchEvent(new InputEvent('input', { bubbles: true }));
  document.querySelector('form')?.dispatchEvent(new SubmitEvent('submit', { bubbles: true, cancelable: true }));
  await vi.waitFor(() => expect(location.pathname).toBe('/'));
  expect(fetch.mock.calls[1]?.[1].body).toContain('"code":"NEW-CODE"');
});

test('without a code nothing is asked of the server', () => {
  open('/pair?code=FROM-QUERY');
  expect(document.querySelector('form')).not.toBeNull();
  expect(fetch).not.toHaveBeenCalled();
});
