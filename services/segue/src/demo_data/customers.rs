//! Customers made from a seed: as many as wanted, one at a time, the same ones every time.

use anyhow::{Context as _, ensure};
use segue_core::{IdentityKind, Random, hex};
use segue_proto::common::v1::Identity;
use serde::Deserialize;

const CUSTOMERS: &str = include_str!("../../demo/customers.toml");

/// An invented customer.
#[derive(Clone, PartialEq)]
pub struct Customer {
    /// Counts from 1.
    pub number: u32,
    /// Family name first.
    pub name: String,
    /// The insurer's own customer number.
    pub member_id: String,
    /// In E.164 form.
    pub phone: String,
    /// Not everyone leaves one.
    pub email: Option<String>,
    /// One to five, each on another platform.
    pub accounts: Vec<Account>,
}

/// An account of a customer.
#[derive(Clone, PartialEq)]
pub struct Account {
    /// The platform's id.
    pub platform: String,
    /// The platform's own id of the account.
    pub id: String,
    /// What the platform knows of the customer.
    pub identities: Vec<Identity>,
}

/// All customers, by number. It keeps none of them.
pub struct Customers {
    recipe: Recipe,
    random: Random,
    next: u32,
}

/// The customers, from the first on.
pub fn customers() -> anyhow::Result<Customers> {
    let recipe: Recipe = toml::from_str(CUSTOMERS).context("demo/customers.toml")?;
    recipe.check().context("demo/customers.toml")?;
    Ok(Customers { random: Random::seeded(recipe.seed), recipe, next: 1 })
}

/// The customer of the walk-through.
pub fn demo_customer() -> anyhow::Result<Customer> {
    let mut all = customers()?;
    let number = all.recipe.demo.number;
    all.find(|customer| customer.number == number).context("there is no demo customer")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipe {
    count: u32,
    seed: u64,
    accounts: Vec<u32>,
    email_percent: u32,
    phone_prefix: String,
    email_domain: String,
    demo: Demo,
    platforms: Vec<Share>,
    names: Names,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Demo {
    number: u32,
    name: String,
    phone: String,
    email: String,
    platforms: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Share {
    id: String,
    share: u32,
    identities: Vec<String>,
}

/// Each with its spelling in Latin letters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    family: Vec<(String, String)>,
    given: Vec<(String, String)>,
}

/// What is drawn for a customer before it is made up of it.
struct Draw {
    name: String,
    phone: String,
    email: Option<String>,
    union_id: String,
    /// Indices into the recipe's platforms.
    platforms: Vec<usize>,
}

impl Iterator for Customers {
    type Item = Customer;

    fn next(&mut self) -> Option<Customer> {
        let number = self.next;
        if number > self.recipe.count {
            return None;
        }
        self.next += 1;
        // The demo customer's draw is made and thrown away, so that the others do not depend on who it is.
        let drawn = self.recipe.draw(number, &self.random);
        let drawn = if number == self.recipe.demo.number { self.recipe.fixed(drawn.union_id) } else { drawn };
        Some(self.recipe.customer(number, drawn))
    }
}

impl Recipe {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(!self.names.family.is_empty() && !self.names.given.is_empty(), "names are missing");
        ensure!(self.accounts.len() <= self.platforms.len(), "there are fewer platforms than accounts");
        for platform in &self.platforms {
            for kind in &platform.identities {
                IdentityKind::parse(kind).with_context(|| platform.id.clone())?;
            }
        }
        Ok(())
    }

    fn draw(&self, number: u32, random: &Random) -> Draw {
        let wanted = 1 + pick(&self.accounts, random);
        let platforms = self.pick_platforms(wanted, random);
        let family = one_of(&self.names.family, random);
        let given = one_of(&self.names.given, random);
        let leaves_email = random.below(100) < self.email_percent;
        let writes_email = platforms.iter().any(|index| self.platforms[*index].identities == ["email"]);
        let email = format!("{}.{}.{number}@{}", family.1, given.1, self.email_domain);
        Draw {
            name: format!("{}{}", family.0, given.0),
            // The number at the end keeps phones apart.
            phone: format!("{}{:03}{number:05}", self.phone_prefix, random.below(1000)),
            email: (leaves_email || writes_email).then_some(email),
            union_id: format!("o{}", hex(random.bytes::<12>())),
            platforms,
        }
    }

    fn fixed(&self, union_id: String) -> Draw {
        let demo = &self.demo;
        let on_it = |index: &usize| demo.platforms.contains(&self.platforms[*index].id);
        Draw {
            name: demo.name.clone(),
            phone: demo.phone.clone(),
            email: Some(demo.email.clone()),
            union_id,
            platforms: (0..self.platforms.len()).filter(on_it).collect(),
        }
    }

    /// Different platforms, common ones more often, in the recipe's order.
    fn pick_platforms(&self, wanted: usize, random: &Random) -> Vec<usize> {
        let mut shares: Vec<u32> = self.platforms.iter().map(|platform| platform.share).collect();
        let mut picked: Vec<usize> = (0..wanted.min(shares.len()))
            .map(|_| {
                let index = pick(&shares, random);
                shares[index] = 0;
                index
            })
            .collect();
        picked.sort_unstable();
        picked
    }

    fn customer(&self, number: u32, drawn: Draw) -> Customer {
        let member_id = format!("M{number:08}");
        let value_of = |kind: &str| match kind {
            "phone" => Some(drawn.phone.clone()),
            "member_id" => Some(member_id.clone()),
            "union_id" => Some(drawn.union_id.clone()),
            "email" => drawn.email.clone(),
            _ => None,
        };
        let identities = |platform: &Share| {
            let kinds = platform.identities.iter();
            kinds
                .filter_map(|kind| {
                    Some(Identity { kind: kind.clone(), value: value_of(kind)?, unverified: false })
                })
                .collect()
        };
        let accounts = drawn.platforms.iter().map(|index| {
            let platform = &self.platforms[*index];
            Account {
                platform: platform.id.clone(),
                id: format!("{}-{number:08}", platform.id),
                identities: identities(platform),
            }
        });
        let accounts = accounts.collect();
        Customer { number, name: drawn.name, member_id, phone: drawn.phone, email: drawn.email, accounts }
    }
}

fn one_of<'a, T>(choices: &'a [T], random: &Random) -> &'a T {
    let index = random.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
    &choices[index as usize]
}

/// An index, each as likely as its weight says.
fn pick(weights: &[u32], random: &Random) -> usize {
    let mut left = random.below(weights.iter().sum());
    for (index, weight) in weights.iter().enumerate() {
        if left < *weight {
            return index;
        }
        left -= weight;
    }
    0
}
