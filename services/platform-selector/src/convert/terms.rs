use segue_proto::common::v1::{Operator, Preference as PreferenceMessage, Requirement};
use segue_runtime::Fields;

use super::features;
use crate::domain::{
    feature::Number,
    term::{Preference, Term, Test},
};

/// Reads required terms.
pub(crate) fn requirements(fields: &mut Fields, path: &str, messages: &[Requirement]) -> Vec<Term> {
    fields.requirements(path, messages, term)
}

/// Reads weighted wishes.
pub(crate) fn preferences(
    fields: &mut Fields,
    path: &str,
    messages: &[PreferenceMessage],
) -> Vec<Preference> {
    weighted(fields.preferences(path, messages, term))
}

/// Wishes of terms with their weights.
pub(crate) fn weighted(terms: Vec<(i32, Term)>) -> Vec<Preference> {
    terms.into_iter().map(|(weight, term)| Preference { weight, term }).collect()
}

/// Reads a term.
pub(crate) fn term(fields: &mut Fields, path: &str, message: &Requirement) -> Option<Term> {
    let feature = features::name(fields, &format!("{path}.feature"), &message.feature);
    let operator = fields.enumeration(&format!("{path}.operator"), message.operator);
    let test = test(fields, &format!("{path}.values"), operator, &message.values);
    Some(Term { feature: feature?, test: test? })
}

fn test(fields: &mut Fields, path: &str, operator: Operator, values: &[String]) -> Option<Test> {
    match operator {
        // Refused already, with the operator's own field.
        Operator::Unspecified => None,
        Operator::Exists | Operator::NotExists => {
            fields.require(values.is_empty(), path, "must be empty for this operator");
            Some(if operator == Operator::Exists { Test::Exists } else { Test::NotExists })
        }
        Operator::In | Operator::NotIn => {
            fields.require(!values.is_empty(), path, "must have at least one word for this operator");
            let words = features::words(fields, path, values);
            Some(if operator == Operator::In { Test::In(words) } else { Test::NotIn(words) })
        }
        Operator::Eq => {
            let word = single(fields, path, values)?;
            features::words(fields, path, values);
            Some(Test::Equals { word: word.to_owned(), number: Number::parse(word) })
        }
        Operator::Gte | Operator::Lte => {
            let bound = Number::parse(single(fields, path, values)?);
            fields.require(bound.is_some(), path, "must be a number for this operator");
            bound.map(if operator == Operator::Gte { Test::AtLeast } else { Test::AtMost })
        }
    }
}

fn single<'a>(fields: &mut Fields, path: &str, values: &'a [String]) -> Option<&'a str> {
    let [value] = values else {
        fields.violation(path, "must have one value for this operator");
        return None;
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(operator: Operator, values: &[&str]) -> Result<String, String> {
        let message = Requirement {
            feature: "x".to_owned(),
            operator: operator.into(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        let mut fields = Fields::new();
        let terms = requirements(&mut fields, "r", &[message]);
        match fields.first() {
            Some((field, _)) => Err(field.to_owned()),
            None => Ok(terms[0].test.to_string()),
        }
    }

    #[test]
    fn operators_take_their_kind_of_values() {
        use Operator as O;
        assert_eq!(reads(O::Exists, &[]).unwrap(), "to exist");
        assert_eq!(reads(O::NotExists, &[]).unwrap(), "not to exist");
        assert_eq!(reads(O::In, &["zh", "en"]).unwrap(), "one of {en, zh}");
        assert_eq!(reads(O::NotIn, &["zh"]).unwrap(), "none of {zh}");
        assert_eq!(reads(O::Eq, &["5"]).unwrap(), "= 5");
        assert_eq!(reads(O::Gte, &[" 5.50"]).unwrap(), ">= 5.5");
        assert_eq!(reads(O::Lte, &["1e3"]).unwrap(), "<= 1000");
        for (operator, values) in [
            (O::Exists, &["x"][..]),
            (O::NotExists, &["x"]),
            (O::In, &[]),
            (O::NotIn, &[]),
            (O::Eq, &[]),
            (O::Eq, &["a", "b"]),
            (O::Gte, &["many"]),
            (O::Gte, &["inf"]),
            (O::Lte, &["NaN"]),
            (O::Lte, &["1", "2"]),
        ] {
            assert_eq!(reads(operator, values), Err("r[0].values".to_owned()), "{operator:?} {values:?}");
        }
        assert_eq!(reads(O::In, &["a", ""]), Err("r[0].values[1]".to_owned()));
        assert_eq!(reads(O::Unspecified, &[]), Err("r[0].operator".to_owned()));
    }
}
