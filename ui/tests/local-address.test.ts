import { expect, it } from "vitest";
import { isThisMachine, localAddress } from "../src/common/local-address";

const HERE = "https://desk.example";

it.each(["/hanok/admin", "/hanok/admin?date=2026-12-01", "/"])("%s is an address of this site", (wanted) => {
  expect(localAddress(wanted, HERE)).toBe(HERE + wanted);
});

it.each([
  null,
  "",
  "//evil.example",
  "https://evil.example/",
  "/\\evil.example",
  "javascript:alert(1)",
  "http://[",
  "/.//evil.example",
])("%s leads nowhere else", (wanted) => {
  expect(new URL(localAddress(wanted, HERE)).host).toBe("desk.example");
  expect(localAddress(wanted, HERE).startsWith(`${HERE}/`)).toBe(true);
});

it("this machine's own addresses are known, and no name that only looks like one", () => {
  for (const own of ["localhost", "demo.localhost", "127.0.0.1", "127.8.0.1", "[::1]"])
    expect(isThisMachine(own), own).toBe(true);
  for (const other of ["localhost.evil.example", "127.0.0.1.evil.example", "desk.example", "", "notlocalhost"])
    expect(isThisMachine(other), other).toBe(false);
});
